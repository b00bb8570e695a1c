@echo off
"%~dp0ottla-run.bat" producer-perf-test %*

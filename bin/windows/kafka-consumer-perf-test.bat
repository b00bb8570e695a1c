@echo off
"%~dp0ottla-run.bat" consumer-perf-test %*

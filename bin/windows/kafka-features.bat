@echo off
"%~dp0ottla-run.bat" features %*

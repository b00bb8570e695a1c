@echo off
"%~dp0ottla-run.bat" delete-records %*

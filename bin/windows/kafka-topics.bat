@echo off
"%~dp0ottla-run.bat" topics %*

@echo off
"%~dp0ottla-run.bat" log-dirs %*

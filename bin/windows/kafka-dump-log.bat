@echo off
"%~dp0ottla-run.bat" dump-log %*

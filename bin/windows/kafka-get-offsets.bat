@echo off
"%~dp0ottla-run.bat" get-offsets %*

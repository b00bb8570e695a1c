@echo off
"%~dp0ottla-run.bat" console-consumer %*

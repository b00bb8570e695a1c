@echo off
"%~dp0ottla-run.bat" verifiable-producer %*

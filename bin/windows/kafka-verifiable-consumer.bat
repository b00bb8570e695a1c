@echo off
"%~dp0ottla-run.bat" verifiable-consumer %*

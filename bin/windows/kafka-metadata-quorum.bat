@echo off
"%~dp0ottla-run.bat" metadata-quorum %*

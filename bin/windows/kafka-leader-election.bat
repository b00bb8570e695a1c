@echo off
"%~dp0ottla-run.bat" leader-election %*

@echo off
"%~dp0ottla-run.bat" broker-api-versions %*

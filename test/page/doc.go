// Package page tests the page that kubectl podgate backtest --html writes in a real
// browser, headless Chromium.
package page

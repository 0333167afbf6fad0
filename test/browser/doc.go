// Package browser opens pages in headless Chromium, and hears what they complain
// of and ask the network for.
//
// It imports chromedp and the standard library only.
package browser

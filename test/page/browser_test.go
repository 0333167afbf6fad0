package page

import (
	"errors"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/podgate/podgate/test/browser"
)

// open starts a browser that ends with the test. Where there is none the test is
// skipped, and says so.
func open(t *testing.T) *browser.Browser {
	t.Helper()
	b, err := browser.Open(t.Context(), browser.Options{Width: 1280, Height: 1000, Log: t.Output()})
	if errors.Is(err, browser.ErrNone) {
		t.Skip("THE PAGE WAS NOT OPENED: " + err.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

func do(t *testing.T, b *browser.Browser, actions ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(b, actions...); err != nil {
		t.Fatal(err)
	}
}

// evaluate runs an expression in the page.
func evaluate[T any](t *testing.T, b *browser.Browser, expression string) T {
	t.Helper()
	return result(t, b, chromedp.Evaluate[T](expression))
}

// result runs an action for what it returns.
func result[T any](t *testing.T, b *browser.Browser, action chromedp.Action[T]) T {
	t.Helper()
	out, err := chromedp.Run(b, action)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

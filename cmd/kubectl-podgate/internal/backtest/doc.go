// Package backtest holds the commands that try a gate on history: backtest, which
// tells what it would have done, and suggest, which proposes what to write into it.
//
// It may import the other packages of the plugin that read gates, replay them and
// tell of it.
package backtest

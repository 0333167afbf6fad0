// The bench command compares detectors on seeded streams.
package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"time"
)

func main() {
	seeds := flag.Int("seeds", 10, "streams of each scenario")
	first := flag.Uint64("first", 1, "the first seed")
	match := flag.String("match", "", "only scenarios with this in their names")
	methods := flag.String("methods", "", "only methods with this in their names")
	workers := flag.Int("workers", 2, "streams at the same time")
	quick := flag.Bool("quick", false, "print one line a scenario and write nothing")
	flag.Parse()
	began := time.Now()
	table := compare(options{*seeds, *first, *match, *methods, *workers, 15 * time.Second})
	if *quick {
		for _, row := range table {
			fmt.Printf("%-34.34s %-20s P %.3f R %.3f F1 %.3f TTD %5.0f p90 %5.0f wrong %8.2f false %d violated %d/%d\n", row.Method, row.Scenario,
				row.Precision(), row.Recall(), row.F1(), row.Quantile(0.5), row.Quantile(0.9), row.WrongRate(), row.False(), row.Violated, row.MustNot)
		}
	}
	fmt.Fprintln(os.Stderr, strings.TrimSpace(time.Since(began).String()))
}

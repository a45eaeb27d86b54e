package main

import "fmt"

// closest returns the candidate that is most similar to a word, or "" if none
// is similar. A third of the letters, and at least one, may differ.
func closest(word string, candidates []string) string {
	best, least := "", max(1, (len(word)+1)/3)+1
	for _, c := range candidates {
		if d := distance(word, c); d < least {
			best, least = c, d
		}
	}

	return best
}

// meant returns the suggestion as the end of a sentence, or "".
func meant(word string, candidates []string) string {
	if c := closest(word, candidates); c != "" {
		return fmt.Sprintf(", did you mean %q?", c)
	}

	return ""
}

// distance counts the letters to insert, delete, replace or swap (optimal
// string alignment).
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)

	before, last, row := make([]int, len(y)+1), make([]int, len(y)+1), make([]int, len(y)+1)
	for j := range row {
		row[j] = j
	}

	for i := range x {
		before, last, row = last, row, before
		row[0] = i + 1

		for j := range y {
			cost := 1
			if x[i] == y[j] {
				cost = 0
			}

			row[j+1] = min(last[j+1]+1, row[j]+1, last[j]+cost)
			if i > 0 && j > 0 && x[i] == y[j-1] && x[i-1] == y[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
	}

	return row[len(y)]
}

package devhost

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// ParseTimeSpan parses a .NET TimeSpan: [-][d.]hh:mm[:ss[.fffffff]] or a number
// of days. "-1" and "-00:00:00.0010000" mean never and return a negative
// duration.
func ParseTimeSpan(text string) (time.Duration, error) {
	rest, negative := strings.CutPrefix(strings.TrimSpace(text), "-")

	span, err := parseSpan(rest)
	if err != nil {
		return 0, fmt.Errorf("devhost.ParseTimeSpan: %q is not a time span: %w", text, err)
	}

	if negative {
		span = -span
	}

	return span, nil
}

func parseSpan(text string) (time.Duration, error) {
	const day = 24 * time.Hour

	parts := strings.Split(text, ":")
	if len(parts) == 1 {
		days, err := strconv.ParseUint(text, 10, 16)
		return time.Duration(days) * day, err
	}

	if len(parts) > 3 {
		return 0, fmt.Errorf("%d parts", len(parts))
	}

	var total time.Duration

	if days, hours, ok := strings.Cut(parts[0], "."); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		if err != nil {
			return 0, err
		}

		total, parts[0] = time.Duration(n)*day, hours
	}

	for i, unit := range []time.Duration{time.Hour, time.Minute}[:2] {
		n, err := strconv.ParseUint(parts[i], 10, 16)
		if err != nil {
			return 0, err
		}

		total += time.Duration(n) * unit
	}

	if len(parts) == 3 {
		seconds, err := strconv.ParseFloat(parts[2], 64)
		if err != nil {
			return 0, err
		}

		total += time.Duration(seconds * float64(time.Second)).Round(100 * time.Nanosecond)
	}

	return total, nil
}

package devhost

import (
	"regexp"
	"strings"
	"time"
)

var isoDate = regexp.MustCompile(`"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,7})?(Z|[+-]\d\d:\d\d)?"`)

// dateText returns a string as the invariant culture formats it, if it is a
// date.
func dateText(s string) string {
	t, zone, ok := parseDate(s)
	if !ok {
		return s
	}

	if zone != "" {
		t = t.UTC()
	}

	return t.Format("01/02/2006 15:04:05")
}

func parseDate(s string) (t time.Time, zone string, ok bool) {
	if !isoDate.MatchString(`"`+s+`"`) || len(s) > len("2006-01-02T15:04:05.9999999+00:00") {
		return t, "", false
	}

	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999"} {
		if t, err := time.Parse(layout, s); err == nil {
			if layout != time.RFC3339Nano {
				return t, "", true
			}

			if strings.HasSuffix(s, "Z") {
				return t, "Z", true
			}

			return t, "offset", true
		}
	}

	return t, "", false
}

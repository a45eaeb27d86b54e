package tiff

import (
	"regexp"
	"strings"
)

// leadingNumber matches what programs write as a number: some with the decimal
// comma of their language, some with more text behind a space.
var leadingNumber = regexp.MustCompile(`^([+-]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:[eE][+-]?\d+)?)(?:\s|$)`)

// NoDataText returns the text of GDAL's tag for pixels without data as a number
// that Parse accepts, as GDAL reads it. It returns other text without spaces
// around it.
func NoDataText(text string) string {
	text = strings.TrimSpace(text)

	if number := leadingNumber.FindStringSubmatch(text); number != nil {
		return strings.Replace(number[1], ",", ".", 1)
	}

	// The C library of Windows writes these.
	for _, special := range []struct{ begins, value string }{
		{"1.#QNAN", "nan"}, {"1.#SNAN", "nan"}, {"1.#IND", "nan"}, {"1.#INF", "inf"},
	} {
		rest, negative := strings.CutPrefix(strings.ToUpper(text), "-")

		switch {
		case !strings.HasPrefix(rest, special.begins):
		case negative && special.value == "inf":
			return "-inf"
		default:
			return special.value
		}
	}

	return text
}

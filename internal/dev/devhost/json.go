package devhost

import (
	"strconv"
	"time"
	"unicode/utf8"
)

// The host writes JSON by Newtonsoft's rules, which differ from
// encoding/json's: <, > and & are not escaped, nor are characters outside of
// ASCII except U+0085, U+2028 and U+2029. These functions append to a buffer,
// because thousands of envelopes are written each second.

const hexDigits = "0123456789abcdef"

// appendString appends a JSON string.
func appendString[S ~string | ~[]byte](to []byte, s S) []byte {
	to = append(to, '"')
	to = appendEscaped(to, s)

	return append(to, '"')
}

// appendTwice appends a JSON string that contains a JSON string. The host
// passes text in this form.
func appendTwice[S ~string | ~[]byte](to []byte, s S) []byte {
	var space [256]byte
	return appendString(to, appendString(space[:0], s))
}

func appendEscaped[S ~string | ~[]byte](to []byte, s S) []byte {
	start := 0

	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if c >= ' ' && c != '"' && c != '\\' {
				i++
				continue
			}

			to = append(to, s[start:i]...)
			to = appendControl(to, c)
			i++
			start = i

			continue
		}

		r, size := decodeRune(s[i:])
		if r == 0x85 || r == 0x2028 || r == 0x2029 || (r == utf8.RuneError && size == 1) {
			to = append(to, s[start:i]...)
			if size == 1 {
				to = append(to, "\uFFFD"...)
			} else {
				to = append(
					to,
					'\\',
					'u',
					hexDigits[r>>12],
					hexDigits[r>>8&15],
					hexDigits[r>>4&15],
					hexDigits[r&15],
				)
			}

			start = i + size
		}

		i += size
	}

	return append(to, s[start:]...)
}

func decodeRune[S ~string | ~[]byte](s S) (rune, int) {
	if len(s) > utf8.UTFMax {
		s = s[:utf8.UTFMax]
	}

	return utf8.DecodeRuneInString(string(s))
}

func appendControl(to []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(to, '\\', c)
	case '\b':
		return append(to, '\\', 'b')
	case '\f':
		return append(to, '\\', 'f')
	case '\n':
		return append(to, '\\', 'n')
	case '\r':
		return append(to, '\\', 'r')
	case '\t':
		return append(to, '\\', 't')
	}

	return append(to, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
}

// Formats of times, as in .NET. Cardinality one truncates to whole seconds.
const (
	secondsLayout = "2006-01-02T15:04:05"
	fullLayout    = "2006-01-02T15:04:05.9999999"
)

func appendTime(to []byte, t time.Time, layout, zone string) []byte {
	to = append(to, '"')
	to = t.UTC().AppendFormat(to, layout)
	to = append(to, zone...)

	return append(to, '"')
}

// appendNumber appends a JSON string that contains a number.
func appendNumber(to []byte, n int64) []byte {
	to = append(to, '"')
	to = strconv.AppendInt(to, n, 10)

	return append(to, '"')
}

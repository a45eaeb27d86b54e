package state

import "strings"

// fingerprintMost bounds a fingerprint, in bytes.
const fingerprintMost = 200

// Fingerprint makes errors that differ only in numbers, hexadecimal ids and the like the same: each word that holds a digit becomes #.
func Fingerprint(message string) string {
	var b strings.Builder
	for len(message) > 0 && b.Len() < fingerprintMost {
		n := 0
		digit := false
		for n < len(message) && isWord(message[n]) {
			digit = digit || message[n] >= '0' && message[n] <= '9'
			n++
		}
		switch {
		case n == 0:
			b.WriteByte(message[0])
			n = 1
		case digit:
			b.WriteByte('#')
		default:
			b.WriteString(message[:n])
		}
		message = message[n:]
	}
	s := b.String()
	return strings.ToValidUTF8(s[:min(len(s), fingerprintMost)], "")
}

func isWord(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_'
}

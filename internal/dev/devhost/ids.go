package devhost

import (
	"encoding/hex"
	"math/rand/v2"
	"time"
)

// now is the host's clock. It stamps envelopes and decides which tick is due.
func now() time.Time { return time.Now() }

// newID returns a version 4 GUID.
func newID() string {
	var out [36]byte
	return string(appendID(out[:0]))
}

func appendID(to []byte) []byte {
	var b [16]byte
	putRandom(b[:])
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80

	for i, cut := range []int{0, 4, 6, 8, 10} {
		end := []int{4, 6, 8, 10, 16}[i]
		if i > 0 {
			to = append(to, '-')
		}

		to = hex.AppendEncode(to, b[cut:end])
	}

	return to
}

func putRandom(b []byte) {
	for i := range b {
		if i%8 == 0 {
			v := rand.Uint64()
			for j := i; j < min(i+8, len(b)); j++ {
				b[j] = byte(v)
				v >>= 8
			}
		}
	}
}

// newTraceparent returns a W3C trace context that is not sampled, like that of
// a host that does not trace.
func newTraceparent() string {
	var ids [24]byte
	putRandom(ids[:])

	to := append(make([]byte, 0, 55), "00-"...)
	to = hex.AppendEncode(to, ids[:16])
	to = append(to, '-')
	to = hex.AppendEncode(to, ids[16:])

	return string(append(to, "-00"...))
}

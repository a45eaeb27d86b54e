package define_test

import (
	"bytes"
	"testing"
	"unicode/utf8"

	"coremachine/internal/jobs/define"
	"coremachine/internal/state"
)

// FuzzParse checks that no body makes Parse panic, that every rejection has an
// expected code, and that canonical JSON is a fixed point: stored parameters
// read back as what was submitted.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		``,
		`{}`,
		`[]`,
		`{"n":1}`,
		`{"container":"c","filter":{"sizes":[1,2]},"labels":{"a":"b"}}`,
		`{"rate":1e-7}`,
		`{"rate":0.1}`,
		`{"container":"\ud83d\ude00","since":"2026-01-02T03:04:05.123456789+01:00","inner":{"depth":3.4e38}}`,
		`{"container":"c","host":"fe80::1%eth0","weights":[1e21,1e20,5e-324,123456789012345680000]}`,
		`{"n":9007199254740993}`, `{"message":"\u0000"}`, `{"a":{"a":{"a":[[[{}]]]}}}`, `{"n":1,"n":1}`,
		"{\"n\xff\":1}",
		`{"container":"c","labels":{"a.b[0]":"long","":"x"}}`,
	} {
		f.Add([]byte(seed))
	}

	plain, nested := plainJob(), nestedJob()

	f.Fuzz(func(t *testing.T, body []byte) {
		for _, j := range []define.Job{plain, nested} {
			p, err := j.Parse(body)
			if err != nil {
				if c := state.CodeOf(err); c != state.CodeMalformed && c != state.CodeInvalid {
					t.Fatalf("code %q: %v", c, err)
				}

				if !utf8.ValidString(err.Error()) {
					t.Fatalf("the error is not valid UTF-8: %q", err)
				}

				continue
			}

			again, err := j.Parse(p.Canonical)
			if err != nil || !bytes.Equal(p.Canonical, again.Canonical) {
				t.Fatalf("not a fixed point: %s, then %s, %v", p.Canonical, again.Canonical, err)
			}
		}
	})
}

package funchost_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"coremachine/internal/funchost"
	"coremachine/internal/state"
)

const (
	body17 = `{"job":"b-17","tries":0,"opts":{"dry":true}}`
	body18 = `{"job":"b-18"}`
)

// The golden files contain requests of the host. All formats must decode to the
// same bytes.
func TestParseEnvelopeReadsAllFormatsOfHost(t *testing.T) {
	t.Parallel()

	one := funchost.Envelope{Bodies: [][]byte{[]byte(body17)}, MessageID: "m-0001", Deliveries: 1}

	many := funchost.Envelope{Bodies: [][]byte{[]byte(body17), []byte(body18)}}
	for file, want := range map[string]funchost.Envelope{
		"one_string.json": one, "one_binary.json": one,
		"many_string.json": many, "many_binary.json": many, "many_absent.json": many,
	} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()

			raw, err := os.ReadFile(filepath.Join("testdata", file))
			if err != nil {
				t.Fatal(err)
			}

			got, err := funchost.ParseEnvelope(raw, "msg")
			if err != nil {
				t.Fatal(err)
			}

			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("envelope (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseEnvelopeAcceptsOtherFormats(t *testing.T) {
	t.Parallel()

	quoted := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}

		return string(b)
	}
	for name, data := range map[string]string{
		"Object":            body17,
		"OnceWrapped":       quoted(body17),
		"TwiceWrapped":      quoted(quoted(body17)),
		"ThriceWrapped":     quoted(quoted(quoted(body17))),
		"Base64TwiceQuoted": quoted(quoted(base64.StdEncoding.EncodeToString([]byte(body17)))),
		"ArrayUnquoted":     `[` + body17 + `]`,
		"PaddedWithSpace":   ` "  ` + `{}` + `"`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			got, err := funchost.ParseEnvelope(
				[]byte(`{"data":{"other":`+data+`},"metadata":null}`),
				"message",
			)
			if err != nil {
				t.Fatal(err)
			}

			if len(got.Bodies) != 1 {
				t.Fatalf("got %d bodies, want 1: %q", len(got.Bodies), got.Bodies)
			}

			if name != "PaddedWithSpace" && string(got.Bodies[0]) != body17 {
				t.Errorf("got %s, want %s", got.Bodies[0], body17)
			}
		})
	}
}

func TestParseEnvelopeReadsTimers(t *testing.T) {
	t.Parallel()

	raw, err := os.ReadFile(filepath.Join("testdata", "timer.json"))
	if err != nil {
		t.Fatal(err)
	}

	got, err := funchost.ParseEnvelope(raw, "tick")
	if err != nil || got.PastDue {
		t.Errorf("got %+v, %v; want a tick in time", got, err)
	}

	late, err := funchost.ParseEnvelope(
		[]byte(`{"Data":{"tick":{"ScheduleStatus":null,"IsPastDue":true}},"Metadata":{}}`),
		"tick",
	)
	if err != nil || !late.PastDue {
		t.Errorf("got %+v, %v; want a late tick", late, err)
	}
}

func TestParseEnvelopeRejectsInvalidEnvelopes(t *testing.T) {
	t.Parallel()

	for _, body := range []string{
		``, `null`, `{}`, `[]`, `{"Data":{}}`, `{"Data":{"a":1,"b":2}}`, `{"Data":{"message":"`, `{"Data":7}`,
	} {
		_, err := funchost.ParseEnvelope([]byte(body), "message")
		if !errors.Is(err, &state.Error{Code: state.CodeMalformed}) {
			t.Errorf("%s: got %v, want an error with code malformed", body, err)
		}
	}
}

// An empty or null value contains no message, which is not an error of the
// envelope.
func TestParseEnvelopeOfEmptyValueHasNoBodies(t *testing.T) {
	t.Parallel()

	for _, value := range []string{`null`, `"null"`, `""`, `"[]"`, `[]`, `[null]`} {
		got, err := funchost.ParseEnvelope([]byte(`{"Data":{"message":`+value+`}}`), "message")
		if err != nil || len(got.Bodies) != 0 {
			t.Errorf("%s: got %q, %v; want no bodies", value, got.Bodies, err)
		}
	}
}

// FuzzParseEnvelope checks that no input panics, and that a JSON object
// survives each encoding of the host.
func FuzzParseEnvelope(f *testing.F) {
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) == 0 {
		f.Fatalf("no golden files: %v", err)
	}

	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}

		f.Add(raw)
	}

	f.Add([]byte(body18))
	f.Add([]byte("{\"text\":\"é <a> \u2028 \\u0000\"}"))
	f.Fuzz(func(t *testing.T, body []byte) {
		_, _ = funchost.ParseEnvelope(body, "message") // must not panic
		if !json.Valid(body) || len(body) == 0 || body[0] != '{' {
			return
		}

		text, err := json.Marshal(string(body))
		if err != nil {
			return
		}

		twice, err := json.Marshal(string(text))
		if err != nil {
			return
		}

		encoded := `"` + base64.StdEncoding.EncodeToString(body) + `"`
		for _, data := range []string{string(body), string(text), string(twice), encoded, `[` + encoded + `]`} {
			got, err := funchost.ParseEnvelope(
				[]byte(`{"Data":{"message":`+data+`},"Metadata":{}}`),
				"message",
			)
			if err != nil || len(got.Bodies) != 1 {
				t.Fatalf("%s: got %q, %v; want one body", data, got.Bodies, err)
			}

			exact := data == string(body) || data == encoded
			if exact && string(got.Bodies[0]) != string(body) &&
				string(got.Bodies[0]) != string(trimSpace(body)) {
				t.Fatalf("%s: got %q, want %q", data, got.Bodies[0], body)
			}
		}
	})
}

func trimSpace(b []byte) []byte {
	for len(b) > 0 && (b[len(b)-1] == ' ' || b[len(b)-1] == '\n' || b[len(b)-1] == '\t' || b[len(b)-1] == '\r') {
		b = b[:len(b)-1]
	}

	return b
}

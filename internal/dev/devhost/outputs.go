package devhost

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"time"
)

// SendFunc sends one message that an output binding of a function made.
type SendFunc func(ctx context.Context, function string, b Binding, body []byte) error

// byteArray is what becomes of a value that was taken for base64: the name of
// its type.
const byteArray = "System.Byte[]"

// sendOutputs sends what the declared output bindings get, one message after
// the other: when the k-th fails, the earlier ones are on their way, and the
// input is abandoned.
func (s *session) sendOutputs(ctx context.Context, f *Function, a answered) error {
	n := 0

	for _, b := range f.Outputs {
		if b.Type == "http" {
			continue
		}

		value := outputOf(f, b, a)
		if value == nil {
			continue
		}

		for _, body := range OutputMessages(value, b.DataType) {
			if fault := s.host.options.Faults.Send; fault != nil {
				if err := fault(f.Name, n); err != nil {
					return fmt.Errorf("output %s: %w", b.Name, err)
				}
			}

			if s.host.options.Send == nil {
				return fmt.Errorf("output %s: this host was given no way to send", b.Name)
			}

			if err := s.host.options.Send(ctx, f.Name, b, body); err != nil {
				return fmt.Errorf("output %s: %w", b.Name, err)
			}

			n++
		}
	}

	return nil
}

// outputOf finds the value of a binding: by name in any case, or the return
// value.
func outputOf(f *Function, b Binding, a answered) json.RawMessage {
	if b.Name == "$return" {
		return nonNull(a.ReturnValue)
	}

	if v := member(a.Outputs, b.Name); v != nil {
		return v
	}

	for _, other := range f.Outputs {
		if other.Name == "$return" {
			return nil
		}
	}
	// without a $return binding, the properties of a returned object are
	// outputs
	var returned map[string]json.RawMessage
	if json.Unmarshal(a.ReturnValue, &returned) != nil {
		return nil
	}

	return member(returned, b.Name)
}

func member(all map[string]json.RawMessage, name string) json.RawMessage {
	for key, v := range all {
		if strings.EqualFold(key, name) {
			return nonNull(v)
		}
	}

	return nil
}

func nonNull(v json.RawMessage) json.RawMessage {
	if len(v) == 0 || string(v) == "null" {
		return nil
	}

	return v
}

// OutputMessages makes the message bodies of an output value, with the host's
// traps: text that is valid base64 becomes System.Byte[] unless dataType is
// binary; an object, or text that is one, comes out indented; an array fans
// out, its strings verbatim; ISO dates are rewritten.
func OutputMessages(value json.RawMessage, dataType string) [][]byte {
	value = bytes.TrimSpace(value)
	if value[0] == '"' {
		var s string
		if json.Unmarshal(value, &s) != nil {
			return nil
		}

		if dataType != "binary" && isBase64(s) {
			return [][]byte{[]byte(byteArray)}
		}

		inner := bytes.TrimSpace([]byte(s))
		if len(inner) == 0 || (inner[0] != '{' && inner[0] != '[') || !json.Valid(inner) {
			return [][]byte{[]byte(s)}
		}

		value = inner
	}

	if value[0] != '[' {
		return [][]byte{outputText(value)}
	}

	var elements []json.RawMessage
	if json.Unmarshal(value, &elements) != nil {
		return nil
	}

	bodies := make([][]byte, 0, len(elements))
	for _, e := range elements {
		bodies = append(bodies, outputText(e))
	}

	return bodies
}

func outputText(value json.RawMessage) []byte {
	var s string
	if json.Unmarshal(value, &s) == nil && value[0] == '"' {
		return []byte(dateText(s))
	}

	var indented bytes.Buffer
	if (value[0] == '{' || value[0] == '[') && json.Indent(&indented, value, "", "  ") == nil {
		return isoDate.ReplaceAllFunc(indented.Bytes(), rewriteDate)
	}

	return value
}

// isBase64 is .NET's view: white space is ignored, the padding must be right.
func isBase64(s string) bool {
	s = strings.Join(strings.Fields(s), "")
	_, err := base64.StdEncoding.DecodeString(s)

	return err == nil && s != ""
}

var isoDate = regexp.MustCompile(`"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,7})?(Z|[+-]\d\d:\d\d)?"`)

// rewriteDate is a date string of an object after Newtonsoft has read it as a
// date and written it again.
func rewriteDate(quoted []byte) []byte {
	text := strings.Trim(string(quoted), `"`)

	t, zone, ok := parseDate(text)
	if !ok {
		return quoted
	}

	switch zone {
	case "":
		return []byte(`"` + t.Format(fullLayout) + `"`)
	case "Z":
		return []byte(`"` + t.Format(fullLayout) + `Z"`)
	}

	return []byte(`"` + t.UTC().Format(fullLayout) + `+00:00"`) // to local time, which is UTC on a server
}

// dateText is a string that as a whole is a date, once it was made text by the
// invariant culture.
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

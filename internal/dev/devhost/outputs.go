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

// SendFunc sends one message of an output binding of a function.
type SendFunc func(ctx context.Context, function string, b Binding, body []byte) error

// byteArray replaces a value that was interpreted as base64. It is the name of
// the .NET type.
const byteArray = "System.Byte[]"

// sendOutputs sends the values of the declared output bindings, one message
// after the other. If one fails, the earlier ones have been sent, and the input
// is abandoned.
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
				return fmt.Errorf("output %s: Options.Send is nil", b.Name)
			}

			if err := s.host.options.Send(ctx, f.Name, b, body); err != nil {
				return fmt.Errorf("output %s: %w", b.Name, err)
			}

			n++
		}
	}

	return nil
}

// outputOf returns the value of a binding: by name, ignoring case, or the
// return value.
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
	// Without a $return binding, the properties of a returned object are
	// outputs.
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

// OutputMessages converts an output value to message bodies, like the host.
// Text that is valid base64 becomes System.Byte[] unless dataType is binary. An
// object, or text that contains one, is indented. An array becomes one message
// for each element, with strings unchanged. ISO dates are rewritten.
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

// isBase64 follows .NET: it ignores white space and requires correct padding.
func isBase64(s string) bool {
	s = strings.Join(strings.Fields(s), "")
	_, err := base64.StdEncoding.DecodeString(s)

	return err == nil && s != ""
}

var isoDate = regexp.MustCompile(`"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,7})?(Z|[+-]\d\d:\d\d)?"`)

// rewriteDate returns a date string of an object as Newtonsoft reads and writes
// it.
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

	return []byte(`"` + t.UTC().Format(fullLayout) + `+00:00"`) // in local time, UTC on a server
}

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

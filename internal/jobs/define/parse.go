package define

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"coremachine/internal/state"
)

// maxDepth is how deep objects and arrays of a request may nest.
const maxDepth = 32

// Parse decodes and validates parameters. The body is one JSON object in UTF-8 with exact-case keys, none unknown and none
// twice, no U+0000, null only where the parameter is a pointer, nested at most 32 deep; an empty body is {}. Parsing
// Params.Canonical gives the same Params again.
//
// The errors are CodeMalformed (with the byte offset in its message), CodeInvalid (naming every field at fault, with what
// it was and what would be right), and CodePlanner where a skip condition panics.
func (j Job) Parse(body []byte) (p Params, err error) {
	const op = "define.Parse"
	if j.shape == nil {
		return Params{}, state.Errorf(state.CodeInternal, op, "the job's parameters are no struct")
	}
	if len(bytes.TrimSpace(body)) == 0 {
		body = []byte("{}")
	}
	nuls, err := scanObject(body)
	if err != nil {
		return Params{}, err
	}
	defer guardInternal(op, &err)
	v := reflect.New(j.params)
	bad := decodeInto(j.shape, body, v.Elem())
	bad.join(nil, nuls)
	validateInto(&bad, j.shape, v)
	if len(bad.list) > 0 {
		return Params{}, state.Invalid(op, "the parameters are invalid", bad.fields()...)
	}
	canonical, err := canonicalJSON(v.Interface())
	if err != nil {
		return Params{}, state.Wrap(state.CodeInternal, op, "the parameters do not become canonical JSON", err)
	}
	p = Params{Canonical: canonical, value: v.Elem().Interface()}
	p.counts, p.skips, err = j.evaluate(v.Elem(), p.value)
	return p, err
}

func canonicalJSON(v any) ([]byte, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	text := jsontext.Value(b)
	err = text.Canonicalize()
	return text, err
}

// evaluate computes what depends on the parameters alone, once and with a guard around user code.
func (j Job) evaluate(v reflect.Value, p any) (counts []int, skips []bool, err error) {
	counts, skips = make([]int, len(j.stages)), make([]bool, len(j.stages))
	for i := range j.stages {
		s := &j.stages[i]
		switch {
		case s.spec.Kind == state.Single || s.spec.Kind == state.FanIn:
			counts[i] = 1
		case s.countAt != nil && v.FieldByIndex(s.countAt).CanInt():
			counts[i] = int(min(max(v.FieldByIndex(s.countAt).Int(), 0), MaxTasks))
		case s.countAt != nil:
			counts[i] = int(min(v.FieldByIndex(s.countAt).Uint(), MaxTasks))
		default:
			counts[i] = -1
		}
		if s.skip == nil {
			continue
		}
		if skips[i], err = skipped(s, p); err != nil {
			return nil, nil, err
		}
	}
	return counts, skips, nil
}

func skipped(s *stage, p any) (skip bool, err error) {
	defer guard("define.Parse", "the skip condition of stage "+s.spec.Name, &err)
	return s.skip(p), nil
}

// guardInternal catches what a parameter type's own methods or a faulty rule may do.
func guardInternal(op string, err *error) {
	if v := recover(); v != nil {
		*err = state.Errorf(state.CodeInternal, op, "validating the parameters panicked: %v", v)
	}
}

func scanObject(body []byte) (nuls problems, err error) {
	nuls, err = scan(body)
	if err == nil && jsontext.Value(body).Kind() != jsontext.KindBeginObject {
		offset := len(body) - len(bytes.TrimLeft(body, " \t\r\n"))
		return nuls, malformed(int64(offset), "the parameters must be one JSON object")
	}
	return nuls, err
}

// scan checks the grammar and notes where strings hold U+0000.
func scan(text []byte) (nuls problems, err error) {
	d := jsontext.NewDecoder(bytes.NewReader(text), jsontext.AllowDuplicateNames(true))
	for {
		tok, err := d.ReadToken()
		if err != nil {
			return nuls, malformedBy(err, d)
		}
		if d.StackDepth() > maxDepth {
			return nuls, malformed(d.InputOffset()-1, "nested deeper than %d", maxDepth)
		}
		if tok.Kind() == jsontext.KindString && strings.ContainsRune(tok.String(), 0) {
			nuls.add(pathOf(d.StackPointer()), "holds U+0000, which cannot be stored")
		}
		if d.StackDepth() == 0 {
			break
		}
	}
	end := d.InputOffset()
	if rest := bytes.TrimLeft(text[end:], " \t\r\n"); len(rest) > 0 {
		return nuls, malformed(int64(len(text)-len(rest)), "there is more after the end of the JSON value")
	}
	return nuls, nil
}

func pathOf(p jsontext.Pointer) []string {
	var at []string
	for name := range p.Tokens() {
		at = append(at, name)
	}
	return at
}

func malformedBy(err error, d *jsontext.Decoder) error {
	var syntax *jsontext.SyntacticError
	switch {
	case errors.As(err, &syntax) && errors.Is(err, io.ErrUnexpectedEOF):
		return malformed(syntax.ByteOffset, "the text ends too early")
	case errors.As(err, &syntax):
		return malformed(syntax.ByteOffset, "%v", syntax.Err)
	}
	return malformed(d.InputOffset(), "the text ends too early")
}

func malformed(offset int64, format string, args ...any) error {
	return state.Errorf(state.CodeMalformed, "define.Parse", "malformed JSON at byte %d: %s",
		offset, state.CleanText(fmt.Sprintf(format, args...)))
}

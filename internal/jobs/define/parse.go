package define

import (
	"bytes"
	"context"
	"reflect"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"coremachine/internal/state"
)

// Parse is ParseContext without a deadline.
func (j Job) Parse(body []byte) (Params, error) {
	return j.ParseContext(context.Background(), body)
}

// ParseContext decodes and validates parameters. The body is one JSON object in
// UTF-8 without a byte order mark. Keys are case-sensitive; unknown and
// duplicate keys are rejected, and so is U+0000. null is allowed only if the
// parameter is a pointer. Values are nested at most 32 deep, and there are at
// most 100,000 of them. An empty body counts as {}. Parsing Params.Canonical
// returns the same Params again.
//
// It stops when it reaches the first limit, including the limit on problems,
// and when ctx ends.
//
// The errors are CodeMalformed (with the byte offset in its message),
// CodeInvalid (naming the invalid fields, with their values and what would be
// accepted), CodeTooLarge, CodePlanner if a skip condition panics, and
// CodeUnavailable if ctx has ended.
func (j Job) ParseContext(ctx context.Context, body []byte) (p Params, err error) {
	const op = "define.Parse"
	if j.shape == nil {
		return Params{}, state.Errorf(state.CodeInternal, op, "the job's parameters are not a struct")
	}

	if len(bytes.TrimSpace(body)) == 0 {
		body = []byte("{}")
	}

	if err := scanObject(ctx, body); err != nil {
		return Params{}, err
	}

	defer guardInternal(op, &err)

	v, bad, err := j.decode(ctx, body, refuseUnknown)
	if err != nil {
		return Params{}, err
	}

	if len(bad.list) > 0 {
		return Params{}, state.Invalid(op, "the parameters are invalid", bad.fields()...)
	}

	canonical, err := canonicalJSON(v.Interface())
	if err != nil {
		return Params{}, state.Wrap(
			state.CodeInternal,
			op,
			"the parameters cannot be encoded as canonical JSON",
			err,
		)
	}

	p = Params{Canonical: canonical, value: v.Elem().Interface()}
	p.counts, p.skips, err = j.evaluate(v.Elem(), p.value)

	return p, err
}

// decode decodes JSON into a P and lists what is wrong with it.
func (j Job) decode(
	ctx context.Context, text []byte, unknown unknownMembers,
) (v reflect.Value, bad problems, err error) {
	v = reflect.New(j.params)

	bad, err = decodeInto(ctx, j.shape, text, v.Elem(), unknown)
	if err == nil && !bad.full {
		err = validateInto(ctx, &bad, j.shape, v, len(text) > longBody)
	}

	return v, bad, err
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

// evaluate computes what depends on the parameters alone, once, with a guard
// around user code.
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

// guardInternal recovers from panics in methods of a parameter type or in a
// faulty rule.
func guardInternal(op string, err *error) {
	if v := recover(); v != nil {
		*err = state.Errorf(state.CodeInternal, op, "validating the parameters panicked: %v", v)
	}
}

package define

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json/jsontext"

	"coremachine/internal/state"
)

// Limits of a request's parameters, in addition to its size. Reading stops at
// the first limit that it reaches.
const (
	maxDepth  = 32      // nesting of objects and arrays
	maxValues = 100_000 // values without names, including defaults within lists
	maxKeys   = 20_000  // keys of all maps together
)

// checkEvery is the number of values between two checks whether ctx has ended.
const checkEvery = 1024

var byteOrderMark = []byte("\ufeff")

func scanObject(ctx context.Context, body []byte) error {
	if bytes.HasPrefix(body, byteOrderMark) {
		return malformed(0, "the text begins with a byte order mark (U+FEFF): send UTF-8 without one")
	}

	if err := scan(ctx, body); err != nil {
		return err
	}

	if jsontext.Value(body).Kind() != jsontext.KindBeginObject {
		offset := len(body) - len(bytes.TrimLeft(body, " \t\r\n"))
		return malformed(int64(offset), "the parameters must be one JSON object")
	}

	return nil
}

// scan checks the grammar and the limits.
func scan(ctx context.Context, text []byte) error {
	d := jsontext.NewDecoder(bytes.NewBuffer(text), jsontext.AllowDuplicateNames(true))
	for values := 0; ; {
		tok, err := d.ReadToken()
		if err != nil {
			return malformedBy(err, d)
		}

		if d.StackDepth() > maxDepth {
			return malformed(d.InputOffset()-1, "nested deeper than %d", maxDepth)
		}

		if isValue(d, tok.Kind()) {
			values++
		}

		if values > maxValues {
			return tooMany(maxValues, "values")
		}

		if values%checkEvery == 0 && ctx.Err() != nil {
			return leftBy(ctx)
		}

		if d.StackDepth() == 0 {
			break
		}
	}

	end := d.InputOffset()
	if rest := bytes.TrimLeft(text[end:], " \t\r\n"); len(rest) > 0 {
		return malformed(int64(len(text)-len(rest)), "unexpected text after the end of the JSON value")
	}

	return nil
}

// isValue reports whether the last token begins a value: it is not the name of
// a member and not the end of an object or array.
func isValue(d *jsontext.Decoder, kind jsontext.Kind) bool {
	if kind == jsontext.KindEndObject || kind == jsontext.KindEndArray {
		return false
	}

	if kind != jsontext.KindString {
		return true
	}

	in, n := d.StackIndex(d.StackDepth())

	return in != jsontext.KindBeginObject || n%2 == 0
}

func tooMany(limit int, what string) error {
	return state.Errorf(
		state.CodeTooLarge,
		"define.Parse",
		"The parameters hold more than %d %s.",
		limit,
		what,
	)
}

// leftBy returns the error for a caller whose context has ended.
func leftBy(ctx context.Context) error {
	return state.Wrap(state.CodeUnavailable, "define.Parse", "The client disconnected.", context.Cause(ctx))
}

func malformedBy(err error, d *jsontext.Decoder) error {
	syntax, ok := errors.AsType[*jsontext.SyntacticError](err)
	switch {
	case ok && errors.Is(err, io.ErrUnexpectedEOF):
		return malformed(syntax.ByteOffset, "the text ends early")
	case ok:
		return malformed(syntax.ByteOffset, "%v", syntax.Err)
	}

	return malformed(d.InputOffset(), "the text ends early")
}

func malformed(offset int64, format string, args ...any) error {
	return state.Errorf(state.CodeMalformed, "define.Parse", "malformed JSON at byte %d: %s",
		offset, state.CleanText(fmt.Sprintf(format, args...)))
}

package define

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"

	"github.com/go-playground/validator/v10"
)

// longBody is the size in bytes from which a body is checked item by item
// first. A shorter body cannot break enough rules to matter.
const longBody = 8 << 10

// itemChecker checks whether the items of long lists and dicts break their
// rules often enough to end the checking. The validator library visits all
// items and collects an error for each, without a limit, so it is only called
// if the items have passed here.
type itemChecker struct {
	ctx  context.Context
	at   []step
	errs problems
	n    int
	err  error
}

func (c *itemChecker) stopped() bool { return c.errs.full || c.err != nil }

func (c *itemChecker) object(s *shape, v reflect.Value) {
	for _, f := range s.fields {
		if c.stopped() {
			return
		}

		_, items, dives := cutDive(f.rules)
		if !dives && f.shape.base().kind != kindObject {
			continue
		}

		c.at = append(c.at, memberStep(f.name))
		c.value(f.shape, items, v.FieldByIndex(f.index))
		c.at = c.at[:len(c.at)-1]
	}
}

// value visits the items of a list or dict. tag has the rules of the items.
func (c *itemChecker) value(s *shape, tag string, v reflect.Value) {
	if s.kind == kindPointer {
		if v.IsNil() {
			return
		}

		s, v = s.elem, v.Elem()
	}

	switch s.kind {
	case kindObject:
		c.object(s, v)
	case kindList:
		for i := 0; i < v.Len() && !c.stopped(); i++ {
			c.item(s.elem, tag, v.Index(i), itemStep(i))
		}
	case kindDict:
		keys, values := keyRules(tag)

		for entries := v.MapRange(); !c.stopped() && entries.Next(); {
			at := memberStep(entries.Key().String())
			c.check(keys, entries.Key(), at)
			c.item(s.elem, values, entries.Value(), at)
		}
	case kindString, kindText, kindBool, kindInt, kindUint, kindFloat, kindPointer:
	}
}

func (c *itemChecker) item(s *shape, tag string, v reflect.Value, at step) {
	own, items, dives := cutDive(tag)

	isObject := s.base().kind == kindObject
	if dives || isObject {
		c.at = append(c.at, at)
		c.value(s, items, v)
		c.at = c.at[:len(c.at)-1]
	}

	if !isObject {
		c.check(own, v, at)
		return
	}

	if s.kind == kindPointer {
		if v.IsNil() {
			return
		}

		s, v = s.elem, v.Elem()
	}

	if c.goesOn() {
		c.note(s, rules.StructCtx(c.ctx, v.Interface()), at)
	}
}

// check validates one value by its rules.
func (c *itemChecker) check(tag string, v reflect.Value, at step) {
	if tag == "" || !c.goesOn() {
		return
	}

	c.note(nil, rules.VarCtx(c.ctx, v.Interface(), tag), at)
}

// note keeps a violation. Violations are only reported if there are too many.
func (c *itemChecker) note(s *shape, err error, at step) {
	refused, ok := errors.AsType[validator.ValidationErrors](err)
	if !ok {
		return
	}

	for _, e := range refused {
		path := slices.Concat(c.at, []step{at})
		if s != nil {
			path = append(path, pathInJSON(s, e.StructNamespace())...)
		}

		c.errs.add(path, complaint(e))

		if c.errs.full {
			return
		}
	}
}

// goesOn reports whether to check another value.
func (c *itemChecker) goesOn() bool {
	if c.n++; c.n%checkEvery == 0 && c.ctx.Err() != nil {
		c.err = leftBy(c.ctx)
	}

	return !c.stopped()
}

// cutDive splits rules at the first dive: into the rules of the value and the
// rules of its items.
func cutDive(tag string) (own, items string, dives bool) {
	if tag == "dive" {
		return "", "", true
	}

	if items, ok := strings.CutPrefix(tag, "dive,"); ok {
		return "", items, true
	}

	if own, items, ok := strings.Cut(tag, ",dive,"); ok {
		return own, items, true
	}

	own, dives = strings.CutSuffix(tag, ",dive")

	return own, "", dives
}

// keyRules splits the rules of a dict's items into those of the keys and those
// of the values.
func keyRules(tag string) (keys, values string) {
	rest, ok := strings.CutPrefix(tag, "keys,")
	if !ok {
		return "", tag
	}

	keys, values, _ = strings.Cut(rest, "endkeys")

	return strings.TrimSuffix(keys, ","), strings.TrimPrefix(values, ",")
}

package infra

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// eval returns the value of an expression: a string, int, bool, nil, array,
// object, reference, *resource or *module.
func (m *module) eval(n *node) any {
	switch n.kind {
	case "number":
		return n.num
	case "literal":
		return n.text
	case "text":
		return m.text(n)
	case "name":
		return m.name(n)
	case "object":
		return m.object(n)
	case "array":
		all := []any{}
		for _, item := range n.args {
			all = append(all, m.eval(item))
		}

		return all
	case "for":
		return m.loop(n, m.eval)
	case "member":
		return m.member(n)
	case "index":
		return m.index(n)
	case "unary":
		if n.text == "-" {
			return -number(m.eval(n.args[0]))
		}

		return m.eval(n.args[0]) != true
	case "binary":
		return m.binary(n)
	case "choose":
		if m.eval(n.args[0]) == true {
			return m.eval(n.args[1])
		}

		return m.eval(n.args[2])
	case "call":
		return m.call(n)
	}

	m.problem("%s:%d: %s is not supported here", m.file, n.line, n.kind)

	return nil
}

func (m *module) text(n *node) any {
	if len(n.args) == 3 && n.args[0].text == "" && n.args[2].text == "" {
		if v, ok := m.eval(n.args[1]).(reference); ok {
			return v // '${x}' is x
		}
	}

	var b strings.Builder
	for _, part := range n.args {
		b.WriteString(text(m.eval(part)))
	}

	return b.String()
}

func (m *module) name(n *node) any {
	switch n.text {
	case "true", "false":
		return n.text == "true"
	case "null":
		return nil
	}

	v, ok := m.values[n.text]
	if !ok {
		m.problem("%s:%d: %s is not declared before its use", m.file, n.line, n.text)
	}

	return v
}

func (m *module) object(n *node) any {
	all := map[string]any{}

	for i, key := range n.keys {
		name := key.text
		if key.kind == "text" {
			name = text(m.text(key))
		}

		if _, twice := all[name]; twice {
			m.problem("%s:%d: property %s is there twice", m.file, key.line, name)
		}

		all[name] = m.eval(n.args[i])
	}

	return all
}

func (m *module) member(n *node) any {
	switch of := m.eval(n.args[0]).(type) {
	case *module:
		if n.text == "outputs" {
			return of.outputs
		}
	case *resource:
		if n.text == "name" {
			return of.body["name"]
		}

		return reference(of.symbol + "." + n.text)
	case reference:
		return of + reference("."+n.text)
	case map[string]any:
		if v, ok := of[n.text]; ok {
			return v
		}

		m.problem("%s:%d: there is no %s", m.file, n.line, n.text)
	case nil: // of a resource that is not deployed, or reported already
	default:
		m.problem("%s:%d: a %T has no %s", m.file, n.line, of, n.text)
	}

	return nil
}

func (m *module) index(n *node) any {
	switch of := m.eval(n.args[0]).(type) {
	case []any:
		if i := number(m.eval(n.args[1])); i < len(of) {
			return of[i]
		}
	case map[string]any:
		if v, ok := of[text(m.eval(n.args[1]))]; ok {
			return v
		}
	}

	m.problem("%s:%d: the index is not there", m.file, n.line)

	return nil
}

func (m *module) binary(n *node) any {
	left := m.eval(n.args[0])

	switch n.text {
	case "&&":
		return left == true && m.eval(n.args[1]) == true
	case "||":
		return left == true || m.eval(n.args[1]) == true
	case "==":
		return left == m.eval(n.args[1])
	case "!=":
		return left != m.eval(n.args[1])
	}

	a, b := number(left), number(m.eval(n.args[1]))
	switch n.text {
	case "+":
		return a + b
	case "-":
		return a - b
	case "*":
		return a * b
	case "/":
		return a / max(b, 1)
	case "<":
		return a < b
	case ">":
		return a > b
	}

	m.problem("%s:%d: operator %s is not supported", m.file, n.line, n.text)

	return nil
}

func number(v any) int {
	n, _ := v.(int)
	return n
}

// functions are those of Bicep that the templates call.
var functions = map[string]func(args []any) any{
	"empty":      func(a []any) any { return a[0] == nil || a[0] == "" },
	"startsWith": func(a []any) any { return strings.HasPrefix(text(a[0]), text(a[1])) },
	"string":     func(a []any) any { return text(a[0]) },
	"min":        func(a []any) any { return min(number(a[0]), number(a[1])) },
	"max":        func(a []any) any { return max(number(a[0]), number(a[1])) },
	"guid":       func(a []any) any { return fmt.Sprint("guid ", a) },
	"uniqueString": func([]any) any {
		return "abcdefghijklm"
	},
	"subscription":           func([]any) any { return reference("subscription()") },
	"tenant":                 func([]any) any { return reference("tenant()") },
	"environment":            func([]any) any { return reference("environment()") },
	"subscriptionResourceId": func(a []any) any { return text(a[0]) + "/" + text(a[1]) },
	"union": func(a []any) any {
		all := map[string]any{}

		for _, v := range a {
			m, _ := v.(map[string]any)
			maps.Copy(all, m)
		}

		return all
	},
	"concat": func(a []any) any {
		all := []any{}

		for _, v := range a {
			items, _ := v.([]any)
			all = append(all, items...)
		}

		return all
	},
}

func (m *module) call(n *node) any {
	if n.text == "map" {
		lambda := n.args[1]
		return m.loop(&node{text: lambda.text, line: n.line, args: []*node{n.args[0], lambda.args[0]}}, m.eval)
	}

	function, ok := functions[n.text]
	if !ok {
		m.problem("%s:%d: function %s is not allowed", m.file, n.line, n.text)
		return nil
	}

	args := []any{nil, nil}[:0:2]
	for _, arg := range n.args {
		args = append(args, m.eval(arg))
	}

	return function(args)
}

var constants = []string{"true", "false", "null"}

// checkNames finds names that are not declared, and declarations that nothing
// uses, also in branches that are not taken.
func (d *deployment) checkNames(file string, statements []statement) {
	declared, used := map[string]bool{}, map[string]bool{}

	for _, s := range statements {
		if declared[s.name] && s.kind != "output" {
			d.problem("%s:%d: %s is declared twice", file, s.line, s.name)
		}

		if s.kind != "output" && s.kind != "targetScope" {
			declared[s.name] = true
		}
	}

	var walk func(n *node, local []string)

	walk = func(n *node, local []string) {
		switch n.kind {
		case "for":
			local = append([]string{n.text}, local...)
			for _, key := range n.keys {
				local = append(local, key.text)
			}
		case "lambda":
			local = append([]string{n.text}, local...)
		case "name":
			used[n.text] = true
			if !declared[n.text] && !slices.Contains(local, n.text) && !slices.Contains(constants, n.text) {
				d.problem("%s:%d: %s is not declared", file, n.line, n.text)
			}
		}

		for _, arg := range n.args {
			walk(arg, local)
		}

		for _, key := range n.keys {
			if key.kind == "text" {
				walk(key, local)
			}
		}
	}

	for _, s := range statements {
		if s.value != nil {
			walk(s.value, nil)
		}
	}

	for _, s := range statements {
		if (s.kind == "param" || s.kind == "var") && !used[s.name] {
			d.problem("%s:%d: %s %s is not used", file, s.line, s.kind, s.name)
		}
	}
}

package infra

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

type statement struct {
	kind, name, typ string // typ is the type, or the path of a module
	line            int
	decorators      map[string]*node
	value           *node // nil for a param without a default
}

// node is an expression. The args of a text are literals and expressions.
type node struct {
	kind, text string // text is the name, the operator or the string
	num, line  int
	args, keys []*node // the keys of an object, or the index variable of a for
}

type token struct {
	text string // a string begins with an apostrophe
	line int
}

type syntaxError string // what the parser panics with

type parser struct {
	tokens []token
	at     int
}

var (
	tokens = regexp.MustCompile(`//[^\n]*|'(?:[^'\\\n$]|\\.|\$\{[^}\n]*\}|\$)*'|\w+|` +
		`=>|==|!=|<=|>=|&&|\|\||\?\?|\n|[ \t]+|.`)
	inner = regexp.MustCompile(`\$\{([^}]*)\}`)
	word  = regexp.MustCompile(`^[A-Za-z_]\w*$`)
)

func lex(source string, line int) *parser {
	p := &parser{}

	for _, text := range tokens.FindAllString(source, -1) {
		if !strings.HasPrefix(text, "//") && strings.Trim(text, " \t") != "" {
			p.tokens = append(p.tokens, token{text, line})
		}

		line += strings.Count(text, "\n")
	}

	return &parser{tokens: append(p.tokens, token{"", line}, token{"", line})}
}

// read parses a template. It supports the subset of Bicep that infra uses.
func read(source string) (statements []statement, err error) {
	p := lex(source, 1)

	defer func() {
		if e, ok := recover().(syntaxError); ok {
			err = errors.New(string(e))
		}
	}()

	for p.lines(); !p.is(""); p.lines() {
		statements = append(statements, p.statement())
	}

	return statements, nil
}

func (p *parser) is(text string) bool { return p.tokens[p.at].text == text }

func (p *parser) next() string {
	p.at++
	return p.tokens[p.at-1].text
}

func (p *parser) fail(format string, args ...any) {
	panic(syntaxError(fmt.Sprintf("line %d: ", p.tokens[p.at].line) + fmt.Sprintf(format, args...)))
}

func (p *parser) accept(text string) bool {
	if p.is(text) && text != "" {
		p.at++
		return true
	}

	return false
}

func (p *parser) expect(text string) {
	if !p.accept(text) {
		p.fail("found %q, want %q", p.tokens[p.at].text, text)
	}
}

// lines skips the ends of lines.
func (p *parser) lines() {
	for p.accept("\n") {
		continue
	}
}

func (p *parser) name() string {
	if !word.MatchString(p.tokens[p.at].text) {
		p.fail("found %q, want a name", p.tokens[p.at].text)
	}

	return p.next()
}

func (p *parser) statement() statement {
	s := statement{decorators: map[string]*node{}}

	for p.accept("@") {
		decorator := p.postfix()
		s.decorators[decorator.text] = decorator

		p.lines()
	}

	s.line, s.kind = p.tokens[p.at].line, p.name()
	switch s.kind {
	case "targetScope":
		s.name = s.kind
	case "var":
		s.name = p.name()
	case "param", "output":
		s.name, s.typ = p.name(), p.name()
	case "resource", "module":
		s.name, s.typ = p.name(), strings.Trim(p.next(), "'")
		if p.accept("existing") {
			s.kind = "existing"
		}
	default:
		p.fail("unknown declaration %q", s.kind)
	}

	if s.kind != "param" || p.is("=") {
		p.expect("=")
		s.value = p.expression()
	}

	if !p.is("\n") && !p.is("") {
		p.fail("found %q after %s", p.tokens[p.at].text, s.name)
	}

	return s
}

func (p *parser) node(kind, text string, args ...*node) *node {
	return &node{kind: kind, text: text, line: p.tokens[p.at].line, args: args}
}

// expression reads a value, or the condition of a resource and its object.
func (p *parser) expression() *node {
	if p.accept("if") {
		return p.node("if", "", p.primary(), p.expression())
	}

	condition, at := p.binary(0), p.at

	p.lines()

	if !p.accept("?") {
		p.at = at
		return condition
	}

	p.lines()
	yes := p.expression()
	p.lines()
	p.expect(":")
	p.lines()

	return p.node("choose", "", condition, yes, p.expression())
}

// levels are the binary operators, from the weakest to the strongest.
var levels = []string{"??", "||", "&&", "== !=", "<= >= < >", "+ -", "* / %"}

func (p *parser) binary(level int) *node {
	if level == len(levels) && (p.is("!") || p.is("-")) {
		return p.node("unary", p.next(), p.binary(level))
	}

	if level == len(levels) {
		return p.postfix()
	}

	left := p.binary(level + 1)

	for !p.is("\n") && strings.Contains(" "+levels[level]+" ", " "+p.tokens[p.at].text+" ") {
		operator := p.next()
		left = p.node("binary", operator, left, p.binary(level+1))
	}

	return left
}

func (p *parser) postfix() *node {
	n := p.primary()

	for {
		switch {
		case p.accept("."):
			n = p.node("member", p.name(), n)
		case p.accept("["):
			n = p.node("index", "", n, p.expression())
			p.expect("]")
		case p.is("!") && p.tokens[p.at+1].text == ".":
			p.at++
		default:
			return n
		}
	}
}

func (p *parser) primary() *node {
	n := p.node("name", p.next())

	switch number, err := strconv.Atoi(n.text); {
	case err == nil:
		n.kind, n.num = "number", number
	case strings.HasPrefix(n.text, "'") && len(n.text) > 1:
		n.kind, n.text = "text", n.text[1:len(n.text)-1]

		from := 0
		for _, m := range inner.FindAllStringSubmatchIndex(n.text, -1) {
			n.args = append(n.args, p.node("literal", n.text[from:m[0]]), lex(n.text[m[2]:m[3]], n.line).expression())
			from = m[1]
		}

		n.args = append(n.args, p.node("literal", n.text[from:]))
	case n.text == "(":
		n = p.expression()
		p.expect(")")
	case n.text == "{":
		n.kind = "object"
		p.list(n, "}")
	case n.text == "[" && (p.is("for") || p.is("\n") && p.tokens[p.at+1].text == "for"):
		p.loop(n)
	case n.text == "[":
		n.kind = "array"
		p.list(n, "]")
	case !word.MatchString(n.text):
		p.at--
		p.fail("found %q, want a value", n.text)
	case p.accept("=>"):
		n.kind, n.args = "lambda", []*node{p.expression()}
	case p.accept("("):
		n.kind = "call"
		p.list(n, ")")
	}

	return n
}

// list reads the properties of an object, or the items of an array or call.
// Commas or the ends of lines separate them.
func (p *parser) list(n *node, end string) {
	for p.lines(); !p.accept(end); p.lines() {
		if n.kind == "object" {
			n.keys = append(n.keys, p.primary())
			p.expect(":")
		}

		n.args = append(n.args, p.expression())
		if !p.accept(",") && !p.is(end) && !p.is("\n") {
			p.fail("found %q, want a comma, the end of the line or %s", p.tokens[p.at].text, end)
		}
	}
}

func (p *parser) loop(n *node) {
	n.kind = "for"

	p.lines()
	p.expect("for")

	if !p.accept("(") {
		n.text = p.name()
	} else {
		n.text = p.name()
		p.expect(",")
		n.keys = []*node{p.node("name", p.name())}
		p.expect(")")
	}

	p.expect("in")
	n.args = []*node{p.expression()}
	p.expect(":")
	n.args = append(n.args, p.expression())
	p.lines()
	p.expect("]")
}

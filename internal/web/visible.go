package web

import (
	"fmt"
	"html/template"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"text/template/parse"
	"unicode"

	"coremachine/internal/state"
)

// Text of others, such as a name or a message, can contain characters that are
// not seen or that reorder the text around them. No template has to think of
// it: makeVisible adds the function "shown" to each action that prints into the
// text of a page, and "visible" to each that prints into a label. Attributes that
// carry data, such as value and href, stay as they are, because their value is
// sent back.

// shown returns a value as it may appear in the text of a page. Text that is
// written from right to left is isolated, so that it does not reorder the text
// around it.
func shown(v any) any {
	text, ok := textOf(v)
	if !ok {
		return v
	}

	text = state.VisibleText(text)
	if strings.IndexFunc(text, rightToLeft) < 0 {
		return text
	}

	return template.HTML("<bdi>" + template.HTMLEscapeString(text) + "</bdi>") //nolint:gosec // escaped
}

// visible returns a value as it may appear in a label, where no element can be.
func visible(v any) any {
	if text, ok := textOf(v); ok {
		return state.VisibleText(text)
	}

	return v
}

// textOf returns the text of values that can have characters of others.
func textOf(v any) (string, bool) {
	switch v := v.(type) {
	case template.HTML, nil:
		return "", false
	case string:
		return v, true
	case fmt.Stringer, error:
		return fmt.Sprint(v), true
	}

	if text := reflect.Indirect(reflect.ValueOf(v)); text.Kind() == reflect.String {
		return text.String(), true
	}

	return "", false
}

// rightToLeft reports whether a character is of a script that is written from
// right to left.
func rightToLeft(r rune) bool {
	return r >= 0x590 && unicode.Is(rightToLeftScripts, r)
}

var rightToLeftScripts = &unicode.RangeTable{
	R16: []unicode.Range16{
		{Lo: 0x0590, Hi: 0x08ff, Stride: 1}, {Lo: 0xfb1d, Hi: 0xfdff, Stride: 1}, {Lo: 0xfe70, Hi: 0xfefc, Stride: 1},
	},
	R32: []unicode.Range32{{Lo: 0x10800, Hi: 0x10fff, Stride: 1}, {Lo: 0x1e800, Hi: 0x1efff, Stride: 1}},
}

// labels are the attributes whose value is read by people.
var labels = []string{"title", "aria-label", "alt", "placeholder", "data-label", "data-title"}

// plainElements are the elements that contain text only.
var plainElements = []string{"option", "title", "text"}

// place is where in a page an action prints.
type place struct {
	tag     bool   // between < and >
	source  string // of the tag so far
	element string // the last one that was opened, and not closed
}

var (
	attributeName = regexp.MustCompile(`([a-z0-9:-]+)\s*=\s*"[^"]*$`)
	elementName   = regexp.MustCompile(`^</?([a-zA-Z0-9-]*)`)
)

// read returns the place after a piece of the source of a page.
func (p place) read(source string) place {
	for source != "" {
		mark := "<"
		if p.tag {
			mark = ">"
		}

		before, after, found := strings.Cut(source, mark)
		if p.tag {
			p.source += before
		}

		if !found {
			break
		}

		source = after

		switch {
		case !p.tag:
			p.source = "<"
		case strings.HasPrefix(p.source, "</"):
			p.element = ""
		default:
			p.element = elementName.FindStringSubmatch(p.source)[1]
		}

		p.tag = !p.tag
	}

	return p
}

// function returns the function for an action at this place, or "" for none.
func (p place) function() string {
	switch {
	case p.tag:
		if name := attributeName.FindStringSubmatch(p.source); name != nil && slices.Contains(labels, name[1]) {
			return "visible"
		}

		return ""
	case p.element == "textarea":
		return "" // it is sent back
	case slices.Contains(plainElements, p.element):
		return "visible"
	}

	return "shown"
}

// visitor walks templates. visit is called for each action that prints, call for
// each other template.
type visitor struct {
	visit func(p place, action *parse.ActionNode)
	call  func(p place, name string)
}

func (v visitor) walk(list *parse.ListNode, p place) place {
	if list == nil {
		return p
	}

	for _, node := range list.Nodes {
		switch node := node.(type) {
		case *parse.TextNode:
			p = p.read(string(node.Text))
		case *parse.ActionNode:
			if len(node.Pipe.Decl) == 0 {
				v.visit(p, node)
			}
		case *parse.IfNode:
			p = v.branches(&node.BranchNode, p)
		case *parse.RangeNode:
			p = v.branches(&node.BranchNode, p)
		case *parse.WithNode:
			p = v.branches(&node.BranchNode, p)
		case *parse.TemplateNode:
			v.call(p, node.Name)
		}
	}

	return p
}

// branches returns the place after either branch, which is the same.
func (v visitor) branches(node *parse.BranchNode, p place) place {
	after := v.walk(node.List, p)
	v.walk(node.ElseList, p)

	return after
}

// makeVisible adds "shown" and "visible" to the actions of all templates.
func makeVisible(all *template.Template) {
	inside := map[string]bool{} // templates that are called between < and >

	templates := slices.DeleteFunc(all.Templates(), func(t *template.Template) bool { return t.Tree == nil })

	for _, t := range templates {
		visitor{
			visit: func(place, *parse.ActionNode) {},
			call:  func(p place, name string) { inside[name] = inside[name] || p.tag },
		}.walk(t.Tree.Root, place{})
	}

	for _, t := range templates {
		visitor{
			visit: func(p place, action *parse.ActionNode) {
				name := p.function()
				if name == "" {
					return
				}

				action.Pipe.Cmds = append(action.Pipe.Cmds, &parse.CommandNode{
					NodeType: parse.NodeCommand, Pos: action.Pos,
					Args: []parse.Node{parse.NewIdentifier(name).SetTree(t.Tree).SetPos(action.Pos)},
				})
			},
			call: func(place, string) {},
		}.walk(t.Tree.Root, place{tag: inside[t.Name()]})
	}
}

package infra

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// option is a flag of a command.
type option struct {
	names    []string
	required bool
	kind     byte     // '?' without a value, '~' with an optional one, '*' with several, 0 with one
	values   []string // that it accepts; nil for all
}

// command is a command of a program, as recorded in testdata/reference.
type command struct {
	name      string
	options   []option
	arguments int // maximum number
}

// reference reads the recorded commands of a program. Flags in the line of * are
// those of every command.
func referenceOf(folder, program string) ([]command, error) {
	content, err := os.ReadFile(filepath.Join(folder, program+".txt"))
	if err != nil {
		return nil, err
	}

	var (
		all    []command
		common []option
	)

	for line := range strings.Lines(string(content)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}

		name, flags, _ := strings.Cut(line, ":")
		c := command{name: name}

		for field := range strings.FieldsSeq(flags) {
			if strings.HasPrefix(field, "<") {
				c.arguments++
			} else {
				c.options = append(c.options, optionOf(field))
			}
		}

		if name == "*" {
			common = c.options
			continue
		}

		c.options = append(c.options, common...)
		all = append(all, c)
	}

	if len(all) == 0 { // a program without commands
		all = append(all, command{options: common, arguments: 1})
	}

	return all, nil
}

func optionOf(field string) option {
	var o option

	field, values, limited := strings.Cut(field, "=")
	if limited {
		o.values = strings.Split(values, "|")
	}

	for strings.ContainsAny(field[len(field)-1:], "!?~*") {
		if mark := field[len(field)-1]; mark == '!' {
			o.required = true
		} else {
			o.kind = mark
		}

		field = field[:len(field)-1]
	}

	o.names = strings.Split(field, ",")

	return o
}

// checkCall compares a call with the recorded commands.
func checkCall(commands []command, args []string) error {
	best := -1

	for i, c := range commands {
		words := strings.Fields(c.name)
		if len(args) >= len(words) && slices.Equal(args[:len(words)], words) &&
			(best < 0 || len(words) > len(strings.Fields(commands[best].name))) {
			best = i
		}
	}

	if best < 0 {
		return fmt.Errorf("unknown command %q", args)
	}

	c := commands[best]
	args = args[len(strings.Fields(c.name)):]
	given := map[string]bool{}
	arguments := 0

	for len(args) > 0 {
		name, value, joined := strings.Cut(args[0], "=")
		args = args[1:]

		if !strings.HasPrefix(name, "-") {
			arguments++
			continue
		}

		o, known := c.option(name)
		if !known {
			return fmt.Errorf("%s: unknown flag %s", c.name, name)
		}

		values, rest := take(o, value, joined, args)
		args = rest
		given[o.names[0]] = true

		if len(values) == 0 && o.kind != '?' && o.kind != '~' {
			return fmt.Errorf("%s: %s has no value", c.name, name)
		}

		for _, v := range values {
			if v == "" || o.values != nil && !slices.Contains(o.values, v) {
				return fmt.Errorf("%s: %s does not accept %q", c.name, name, v)
			}
		}
	}

	for _, o := range c.options {
		if o.required && !given[o.names[0]] {
			return fmt.Errorf("%s: %s is missing", c.name, o.names[0])
		}
	}

	if arguments > c.arguments {
		return fmt.Errorf("%s: %d arguments, want at most %d", c.name, arguments, c.arguments)
	}

	return nil
}

// take returns the values of an option and the remaining arguments.
func take(o option, value string, joined bool, args []string) (values, rest []string) {
	if joined {
		return []string{value}, args
	}

	for len(args) > 0 && o.kind != '?' && !strings.HasPrefix(args[0], "-") {
		values, args = append(values, args[0]), args[1:]

		if o.kind != '*' {
			break
		}
	}

	return values, args
}

func (c command) option(name string) (option, bool) {
	for _, o := range c.options {
		if slices.Contains(o.names, name) {
			return o, true
		}
	}

	return option{}, false
}

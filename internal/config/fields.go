package config

import (
	"fmt"
	"reflect"
	"strings"
)

// Field is one setting, as documented.
type Field struct {
	Go, Env, Type, Default, Doc string
}

// Fields lists the settings in the order in which they are declared.
func Fields() []Field {
	t := reflect.TypeFor[Config]()

	fields := make([]Field, t.NumField())
	for i := range fields {
		f := t.Field(i)
		fields[i] = Field{
			Go:      f.Name,
			Env:     f.Tag.Get("env"),
			Type:    typeName(f.Type),
			Default: f.Tag.Get("envDefault"),
			Doc:     f.Tag.Get("doc"),
		}
	}

	return fields
}

func typeName(t reflect.Type) string {
	switch t.String() {
	case "config.Secret":
		return "secret"
	case "time.Duration":
		return "duration"
	case "int32":
		return "int"
	case "view.TraceURL":
		return "string"
	}

	return t.String()
}

// Markdown renders docs/configuration.md.
func Markdown() string {
	var b strings.Builder
	b.WriteString(
		"# Configuration\n\n" +
			"This page lists all settings. It is for people who run or deploy the service.\n\n" +
			"Set them as environment variables: app settings in Azure, `local.settings.json`\n" +
			"or the shell on a laptop. Durations are written as `90s`, `5m` or `720h`. If\n" +
			"settings are invalid, the process reports all problems and does no work. Run\n" +
			"`corectl doctor` to check them.\n\n" +
			"This page is generated from `internal/config`; a test compares them.\n\n" +
			"| variable | type | default | meaning |\n|---|---|---|---|\n",
	)

	for _, f := range Fields() {
		value := "–"
		if f.Default != "" {
			value = "`" + f.Default + "`"
		}

		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", f.Env, f.Type, value, f.Doc)
	}

	return b.String()
}

package repo

import (
	"embed"
	"fmt"
	"strings"
)

//go:embed queries/*.sql
var queries embed.FS

// sqlText returns the statement of queries/<name>.sql without the lines that are
// comments: pg_stat_activity shows the first kilobyte of a statement. An unknown
// name is a defect that the prepare test finds.
func sqlText(name string) string {
	b, err := queries.ReadFile("queries/" + name + ".sql")
	if err != nil {
		panic(fmt.Sprintf("repo: no statement %q", name))
	}

	var text strings.Builder

	for line := range strings.Lines(string(b)) {
		if !strings.HasPrefix(strings.TrimSpace(line), "--") {
			text.WriteString(line)
		}
	}

	return text.String()
}

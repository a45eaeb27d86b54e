package repo

import (
	"embed"
	"fmt"
)

//go:embed queries/*.sql
var queries embed.FS

// sqlText returns the statement of queries/<name>.sql. An unknown name is a
// defect that the prepare test finds.
func sqlText(name string) string {
	b, err := queries.ReadFile("queries/" + name + ".sql")
	if err != nil {
		panic(fmt.Sprintf("repo: no statement %q", name))
	}

	return string(b)
}

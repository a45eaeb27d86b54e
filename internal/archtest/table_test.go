package archtest

// anything marks a row that may import every package of the module.
const anything = "anything"

// row is what one package may import from the module, by path below internal/ (or cmd/...).
type row struct {
	pkg   string
	may   []string // production files
	tests []string // test files besides: see testHelpers too
}

// table is the one list of who may import whom. A package that is not in it fails, and so does a row without a package.
// telemetry/keys, the names of log fields, is open to all and is in no row.
var table = []row{
	{pkg: "state"},
	{pkg: "config"},
	{pkg: "telemetry", may: []string{"state"}},
	{pkg: "telemetry/keys"},
	{pkg: "heap"},
	{pkg: "share"},
	{pkg: "sse"},
	{pkg: "httplimit"},
	{pkg: "problem", may: []string{"state"}},
	{pkg: "pglocal"},
	{pkg: "npm"},
	{pkg: "azurite", may: []string{"npm"}},
	{pkg: "blobsample"},
	{pkg: "handlers", may: []string{"state"}},
	{pkg: "jobs/define", may: []string{"state", "handlers"}},
	{pkg: "jobs", may: []string{"state", "handlers", "jobs/define"}},
	{pkg: "database"},
	{pkg: "repo", may: []string{"database", "share", "state"}},
	{pkg: "queue", may: []string{"state"}, tests: []string{"queue/servicebus"}},
	{pkg: "queue/pgqueue", may: []string{"database", "queue", "state"}},
	{pkg: "queue/servicebus", may: []string{"queue", "state"}},
	{pkg: "queue/sbfake", tests: []string{"npm"}},
	{pkg: "blobstore", may: []string{"handlers", "state"}, tests: []string{"blobsample", "blobtest"}},
	{pkg: "coremachine", may: []string{"state", "jobs", "jobs/define", "handlers"}},
	{pkg: "funchost", may: []string{"httplimit", "problem", "state"}},
	{pkg: "api", may: []string{"state", "coremachine", "problem", "share", "sse"}, tests: []string{"repo"}},
	{pkg: "web", may: []string{"state", "coremachine", "api", "share", "sse", "web/apidoc", "third_party/htmx"}, tests: []string{"repo"}},
	{pkg: "web/apidoc"},
	{pkg: "devhost", may: []string{"funchost", "queue", "state"}},
	{pkg: "appzip", may: []string{"funchost"}, tests: []string{"devhost", "queue", "queue/pgqueue", "repo"}},
	{pkg: "app", may: []string{anything}},
	{pkg: "cmd/handler", may: []string{"app", "config", "handlers", "heap", "jobs", "telemetry"}},
	{
		pkg:   "cmd/corectl",
		may:   []string{"app", "appzip", "bench", "config", "handlers", "heap", "jobs", "pglocal", "queue/servicebus", "repo", "state", "telemetry", "cmd/corectl/internal/client", "cmd/corectl/internal/local", "cmd/corectl/internal/show"},
		tests: []string{"api", "blobsample", "blobtest", "coremachine", "jobs/define"},
	},
	{pkg: "cmd/corectl/internal/client", may: []string{"state"}},
	{pkg: "cmd/corectl/internal/local", may: []string{"azurite", "blobsample", "devhost", "pglocal", "queue", "queue/pgqueue", "queue/sbfake", "queue/servicebus", "repo", "state"}},
	{pkg: "cmd/corectl/internal/show", may: []string{"state", "cmd/corectl/internal/client"}},

	// For tests and benchmarks only.
	{pkg: "blobtest", may: []string{"azurite", "treetest"}},
	{pkg: "treetest"},
	{pkg: "pgtest", may: []string{"pglocal", "repo", "treetest"}},
	{pkg: "pgtest/rows", may: []string{"state"}},
	{pkg: "e2e/mutants", may: []string{"pglocal"}},
	{pkg: "queue/queuetest", may: []string{"queue", "state"}},
	{pkg: "enginetest", may: []string{"coremachine", "handlers", "jobs", "jobs/define", "pgtest", "queue", "queue/pgqueue", "repo", "state"}},
	{pkg: "e2e/fixtures", may: []string{"handlers", "jobs/define", "state"}, tests: []string{"coremachine"}},
	{
		pkg: "bench",
		may: []string{"coremachine", "devhost", "e2e/fixtures", "funchost", "handlers", "jobs/define", "queue", "queue/pgqueue", "queue/sbfake", "queue/servicebus", "repo", "state"},
	},
	{pkg: "e2e", may: []string{anything}},
	{pkg: "e2e/model", may: []string{anything}},
	{pkg: "e2e/chaos", may: []string{anything}},
	{pkg: "e2e/verbs", may: []string{anything}},
	{pkg: "e2e/tutorial", may: []string{anything}},
	{pkg: "e2e/browser", may: []string{anything}},
	{pkg: "archtest"},
}

// testHelpers may be imported by every test file, and by no production file that its row does not allow.
var testHelpers = []string{"pgtest", "pgtest/rows", "treetest", "enginetest", "e2e/fixtures", "queue/queuetest", "queue/sbfake", "state"}

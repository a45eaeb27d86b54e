package arch

// anything marks a row that may import every package of the module.
const anything = "anything"

// row lists the packages of the module that one package may import. Paths are
// below internal/, or begin with cmd/.
type row struct {
	pkg   string
	may   []string // imports of production files
	tests []string // further imports of test files, in addition to testHelpers
}

// table is the list of allowed imports. A package without a row fails the test,
// and so does a row without a package.
var table = []row{
	{pkg: "state"},
	{pkg: "view", may: []string{"cron", "state"}},
	{pkg: "cron"},
	{pkg: "webhook"},
	{pkg: "config", may: []string{"view", "webhook"}},
	{pkg: "notify", may: []string{"state", "webhook"}, tests: []string{"repo"}},
	{pkg: "telemetry", may: []string{"state", "view"}},
	{pkg: "telemetry/keys"},
	{pkg: "clock"},
	{pkg: "singleflight"},
	{pkg: "raster/tiff", tests: []string{"dev/rastersample"}},
	{
		pkg:   "raster/cog",
		may:   []string{"raster/tiff"},
		tests: []string{"dev/rasterfiles", "dev/rastersample", "raster/geo"},
	},
	{pkg: "raster/geo", may: []string{"raster/tiff"}, tests: []string{"dev/rasterfiles", "dev/rastersample"}},
	{
		pkg:   "raster/preview",
		may:   []string{"raster/cog", "raster/tiff"},
		tests: []string{"dev/rastersample"},
	},
	{
		pkg:   "raster/xyz",
		may:   []string{"raster/cog", "raster/geo", "raster/preview", "raster/tiff"},
		tests: []string{"dev/rastersample"},
	},
	{pkg: "httpserver", may: []string{"state"}},
	{pkg: "dev/pglocal"},
	{pkg: "dev/npm"},
	{pkg: "dev/azurite", may: []string{"dev/npm"}},
	{pkg: "dev/rasterfiles", may: []string{"dev/npm"}},
	{pkg: "dev/setup", may: []string{"dev/azurite", "dev/npm", "dev/pglocal", "dev/rasterfiles"}},
	{pkg: "dev/blobsample"},
	{pkg: "dev/rastersample", may: []string{"raster/tiff"}},
	{
		pkg: "handlers",
		may: []string{"raster/cog", "raster/geo", "raster/preview", "raster/tiff", "raster/xyz", "state"},
	},
	{pkg: "jobs/define", may: []string{"cron", "state", "handlers"}},
	{pkg: "jobs", may: []string{"state", "handlers", "jobs/define", "raster/cog"}},
	{pkg: "database"},
	{
		pkg:   "repo",
		may:   []string{"database", "singleflight", "state", "view"},
		tests: []string{"coremachine", "handlers", "jobs/define", "queue/pgqueue"},
	},
	{pkg: "queue", may: []string{"state"}, tests: []string{"queue/servicebus"}},
	{pkg: "queue/pgqueue", may: []string{"database", "queue", "state"}},
	{pkg: "queue/servicebus", may: []string{"queue", "state"}},
	{pkg: "dev/sbfake", tests: []string{"dev/npm"}},
	{
		pkg:   "blobstore",
		may:   []string{"handlers", "state"},
		tests: []string{"dev/blobsample", "test/blobtest"},
	},
	{
		pkg:   "coremachine",
		may:   []string{"state", "jobs", "jobs/define", "handlers"},
		tests: []string{"repo"},
	},
	{pkg: "funchost", may: []string{"httpserver", "state"}},
	{
		pkg:   "api",
		may:   []string{"state", "view", "coremachine", "handlers", "httpserver", "singleflight", "webhook"},
		tests: []string{"repo"},
	},
	{
		pkg: "web",
		may: []string{
			"state",
			"view",
			"coremachine",
			"api",
			"singleflight",
			"httpserver",
			"web/apidoc",
			"third_party/htmx",
			"docs",
		},
		tests: []string{"repo"},
	},
	{pkg: "web/apidoc"},
	{pkg: "docs"},
	{pkg: "dev/devhost", may: []string{"cron", "funchost", "queue", "state"}},
	{
		pkg:   "cmd/corectl/internal/appzip",
		may:   []string{"funchost"},
		tests: []string{"dev/devhost", "queue", "queue/pgqueue", "repo"},
	},
	{pkg: "app", may: []string{anything}},
	{pkg: ".", may: []string{"app", "client", "handlers", "jobs/define", "state", "submitter", "view"}},
	{
		pkg: "coremachinetest",
		may: []string{"api", "handlers", "state", "test/blobfake", "test/enginetest", "test/pgtest"},
	},
	{pkg: "cmd/handler", may: []string{"app", "handlers", "jobs"}},
	{
		pkg: "cmd/corectl",
		may: []string{
			"app",
			"cmd/corectl/internal/appzip",
			"config",
			"handlers",
			"jobs",
			"dev/local",
			"queue/servicebus",
			"repo",
			"state",
			"view",
			"webhook",
			"client",
			"cmd/corectl/internal/render",
		},
		tests: []string{"api", "dev/blobsample", "test/blobtest", "coremachine", "jobs/define", "web"},
	},
	{pkg: "client", may: []string{"jobs/define", "state", "view"}},
	{
		pkg: "submitter",
		may: []string{"client", "coremachine", "handlers", "jobs/define", "repo", "state", "view"},
	},
	{
		pkg: "dev/local",
		may: []string{
			"dev/azurite",
			"dev/blobsample",
			"dev/devhost",
			"dev/pglocal",
			"dev/rastersample",
			"queue",
			"queue/pgqueue",
			"dev/sbfake",
			"queue/servicebus",
			"raster/tiff",
			"repo",
			"state",
		},
	},
	{pkg: "cmd/corectl/internal/render", may: []string{"state", "view", "client"}},

	// For tests and benchmarks only.
	{pkg: "test/blobtest", may: []string{"dev/azurite", "dev/npm", "handlers", "test/needs", "test/repotest"}},
	{pkg: "test/blobfake", may: []string{"handlers"}, tests: []string{"test/blobtest"}},
	{pkg: "test/repotest"},
	{pkg: "test/needs"},
	{pkg: "test/pgtest", may: []string{"dev/pglocal", "repo", "test/needs", "test/repotest"}},
	{pkg: "test/pgtest/rows", may: []string{"state"}},
	{pkg: "test/mutants", may: []string{"dev/pglocal"}},
	{pkg: "test/queuetest", may: []string{"queue", "state"}},
	{
		pkg: "test/enginetest",
		may: []string{
			"coremachine",
			"handlers",
			"jobs",
			"jobs/define",
			"test/pgtest",
			"queue",
			"queue/pgqueue",
			"repo",
			"state",
		},
	},
	{
		pkg: "test/worktest",
		may: []string{"coremachine", "handlers", "jobs/define", "repo", "state", "test/enginetest", "test/pgtest"},
	},
	{pkg: "test/fixtures", may: []string{"handlers", "jobs/define", "state"}, tests: []string{"coremachine"}},
	{pkg: "test/e2e", may: []string{anything}},
	{pkg: "test/model", may: []string{anything}},
	{pkg: "test/chaos", may: []string{anything}},
	{pkg: "test/verbs", may: []string{anything}},
	{pkg: "test/upgrade", may: []string{anything}},
	{pkg: "test/tutorial", may: []string{anything}},
	{pkg: "test/browser", may: []string{anything}},
	{pkg: "test/arch"},
	{pkg: "test/release"},
	{pkg: "test/infra", may: []string{anything}},
}

// common may be imported by every package, so it is in no row: the names of log
// fields, and waiting that ends with a context.
var common = []string{"telemetry/keys", "clock"}

// testHelpers may be imported by every test file. A production file may import
// one only if its row allows it.
var testHelpers = []string{
	"coremachinetest",
	"test/pgtest",
	"test/pgtest/rows",
	"test/needs",
	"test/repotest",
	"test/enginetest",
	"test/worktest",
	"test/fixtures",
	"test/queuetest",
	"test/blobfake",
	"dev/sbfake",
	"state",
	"view",
}

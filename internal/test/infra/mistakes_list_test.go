package infra

// mistake is a change of one file that a rule must find.
type mistake struct {
	name, file string
	from, to   string // the first from becomes to; an empty from appends
	want       string // a part of the finding, which begins with the name of the rule
}

var mistakes = []mistake{
	{"misspelt queue", "infra/data.bicep", "'long-tasks'", "'long_tasks'", "queues: the queues are"},
	{
		"queue is missing", "infra/data.bicep",
		"['jobs', 'tasks', ", "['jobs', ",
		"queues: the queues are",
	},
	{
		"database of a version that was not tested", "infra/data.bicep",
		"version: '17'", "version: '16'",
		"versions: data.bicep: version 16 is not one of the tested",
	},
	{
		"other version on the page", "docs/deploy.md",
		"--version 17", "--version 18",
		"versions: docs/deploy.md: the version is",
	},
	{
		"oldest version without tests", "docs/reliability.md",
		"\n| 15.", "\n| 14.",
		"versions: docs/reliability.md: the versions are",
	},
	{
		"long lock", "infra/data.bicep",
		"'PT1M'", "'PT5M'",
		"queues: data.bicep: queues[0].properties.lockDuration",
	},
	{
		"few deliveries", "infra/data.bicep",
		"maxDeliveryCount: 100", "maxDeliveryCount: 10",
		"maxDeliveryCount is 10",
	},
	{
		"no duplicate detection", "infra/data.bicep", "requiresDuplicateDetection: true",
		"requiresDuplicateDetection: false", "requiresDuplicateDetection is false",
	},
	{
		"runtime of another version", "infra/app.bicep",
		"version: '1.0'", "version: '1'",
		"runtime.version is 1, want 1.0",
	},
	{
		"native runtime", "infra/app.bicep",
		"name: 'custom'", "name: 'go'",
		"runtime.name is go, want custom",
	},
	{
		"setting that Flex forbids", "infra/app.bicep", "      TRANSPORT: 'servicebus'",
		"      TRANSPORT: 'servicebus'\n      FUNCTIONS_WORKER_RUNTIME: 'custom'",
		"Flex does not allow FUNCTIONS_WORKER_RUNTIME",
	},
	{
		"unknown setting", "infra/app.bicep", "DATABASE_CONNECTIONS:", "DATABASE_CONNECTION:",
		"settings: app.bicep: nothing reads DATABASE_CONNECTION",
	},
	{
		"another prefix", "infra/app.bicep",
		"SERVICEBUS__credential", "SB__credential",
		"nothing reads SB__credential",
	},
	{
		"sign-in without verification", "infra/app.bicep", "sslmode=verify-full", "sslmode=require",
		"DATABASE_URL is",
	},
	{
		"password in the address", "infra/app.bicep",
		"dbname=${databaseName}", "password=x",
		"secrets: infra/app.bicep",
	},
	{
		"number as a setting", "infra/app.bicep",
		"string(databaseConnections)", "databaseConnections",
		"is a int, want a string",
	},
	{
		"always ready folder", "infra/app.bicep", "'function:process_task'", "'function:process_tasks'",
		`"function:process_tasks" is not the folder`,
	},
	{
		"shared keys", "infra/data.bicep",
		"allowSharedKeyAccess: false", "allowSharedKeyAccess: true",
		"allowSharedKeyAccess is true",
	},
	{
		"password sign-in", "infra/data.bicep",
		"passwordAuth: 'Disabled'", "passwordAuth: 'Enabled'",
		"passwordAuth is Enabled",
	},
	{
		"key of the account", "infra/data.bicep",
		"output storageId",
		"output key string = storage.listKeys().keys[0].value\noutput storageId",
		"secrets: infra/data.bicep",
	},
	{
		"key in the output", "infra/monitor.bicep",
		"DisableLocalAuth: true", "DisableLocalAuth: false",
		"DisableLocalAuth is false",
	},
	{
		"firewall without a word", "infra/data.bicep",
		"// 0.0.0.0 admits", "// 0.0.0.0 is for",
		"firewall: data.bicep: no comment",
	},
	{
		"open to the internet", "infra/data.bicep",
		"endIpAddress: '0.0.0.0'", "endIpAddress: '255.255.255.255'",
		"admits the internet",
	},
	{
		"public in spite of a VNet", "infra/data.bicep",
		"vnetEnabled ? 'Disabled' : 'Enabled'", "vnetEnabled ? 'Enabled' : 'Enabled'",
		"is public although",
	},
	{
		"wide role", "infra/data.bicep",
		"b7e6dc6d-f1e8-4753-8033-0f276bb0955b", "b24988ac-6180-42a0-ab88-20f7382dd24c",
		"roles: data.bicep: role b24988ac",
	},
	{
		"role of the namespace", "infra/data.bicep",
		"    scope: queues[i]\n", "    scope: serviceBus\n",
		"is not limited to queues",
	},
	{
		"more instances than connections", "infra/main.bicep",
		"min(maximumInstances, min(fitting,", "min(maximumInstances, min(maximumInstances,",
		"arithmetic: Standard_B2s",
	},
	{
		"LISTEN is not counted", "infra/main.bicep",
		"budget / (connections + 1)", "budget / connections",
		"arithmetic: ",
	},
	{
		"server that is too small", "infra/main.bicep",
		"  'Standard_B2s'\n", "  'Standard_B1ms'\n  'Standard_B2s'\n",
		"arithmetic: Standard_B1ms",
	},
	{
		"zones on a burstable server", "infra/main.bicep",
		"zoneRedundant && !burstable", "zoneRedundant || burstable",
		"database: ",
	},
	{
		"lock of another resource", "infra/data.bicep",
		"  scope: postgres\n", "  scope: storage\n",
		"the lock does not keep the database",
	},
	{
		"alert without an entry", "infra/alerts.bicep",
		"'unresponsive-handlers'", "'deaf-handlers'",
		`no entry "deaf-handlers"`,
	},
	{
		"alarm without an alert", "docs/operations.md",
		`<a id="pool"></a>`, `<a id="pools"></a>`,
		"the alarm pools of the runbook has no alert",
	},
	{
		"record that is not logged", "infra/alerts.bicep",
		"handler abandoned", "handler was abandoned",
		"no process logs",
	},
	{
		"misspelt variable", "infra/app.bicep",
		"minTlsVersion: '1.2'", "minTlsVersion: tls",
		"tls is not declared",
	},
	{
		"param that nothing passes", "infra/app.bicep",
		"param tags object", "param tags object\nparam labels object",
		"param labels is missing",
	},
	{
		"output that is not there", "infra/main.bicep",
		"data.outputs.packageUri", "data.outputs.packageUrl",
		"there is no packageUrl",
	},
	{
		"object without an end", "infra/monitor.bicep",
		"    DisableLocalAuth: true\n", "    DisableLocalAuth: true {\n",
		"names: monitor.bicep: line",
	},
	{
		"probe of another port", "infra/worker.bicep",
		"value: ':8081'", "value: ':8080'",
		"worker: worker.bicep: the probe",
	},
	{
		"short time to stop", "infra/worker.bicep",
		"terminationGracePeriodSeconds: 270", "terminationGracePeriodSeconds: 30",
		"30 s to stop",
	},
	{
		"queue that scales nothing", "infra/worker.bicep",
		"['jobs', 'tasks', 'long-tasks']", "['jobs', 'tasks']",
		"nothing scales by queue long-tasks",
	},
	{
		"public worker", "infra/worker.bicep",
		"activeRevisionsMode: 'Single'",
		"activeRevisionsMode: 'Single', ingress: { external: true }",
		"configuration.ingress is",
	},
	{"hook that azd does not know", "azure.yaml", "predeploy:", "preploy:", "azd has no hook preploy"},
	{"package of another folder", "azure.yaml", "dist: dist", "dist: .", "packaged from dist"},
	{
		"misspelt property of azd", "azure.yaml",
		"language: custom", "languages: custom",
		"azd: azure.yaml: ",
	},
	{
		"parameter that is not there", "infra/main.parameters.json",
		`"alwaysReady"`, `"alwaysreadyCount"`,
		"has no param alwaysreadyCount",
	},
	{
		"output that a hook needs", "infra/main.bicep",
		"output DATABASE_SERVER ", "output DATABASE_SERVER_NAME ",
		"no output DATABASE_SERVER",
	},
	{
		"rights to change the schema", "infra/sql/grants.sql",
		"grant usage on schema", "grant all on schema",
		"not grant all",
	},
	{
		"another executable", "infra/hooks/package.sh",
		"-o dist/handler ", "-o dist/app ",
		"does not build the executable",
	},
	{
		"timeout of the host", "host.json",
		"00:30:00", "00:10:00",
		"FUNCTION_TIMEOUT is not functionTimeout",
	},
}

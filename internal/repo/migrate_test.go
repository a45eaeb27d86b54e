package repo_test

import (
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"testing"

	"coremachine/internal/repo"
	"coremachine/internal/test/pgtest"
)

// releasedMigrations holds the checksum of each migration that a release
// contains. Databases have these migrations applied, so they never change.
var releasedMigrations = map[string]struct{ release, sum string }{
	"00001_init.sql": {"0.1.0", "2f25af3c759c3acba420d2ac62c9f1598e1c6ad534529b36d90b2ead9ce05bf1"},
}

func TestReleasedMigrationsDoNotChange(t *testing.T) {
	t.Parallel()

	for name, want := range releasedMigrations {
		text, err := fs.ReadFile(repo.Migrations(), name)
		if err != nil {
			t.Errorf("migrations/%s is part of release %s: restore it: %v", name, want.release, err)
			continue
		}

		if sum := sha256.Sum256(text); hex.EncodeToString(sum[:]) != want.sum {
			t.Errorf("migrations/%s differs from release %s: restore it, and add a new migration instead",
				name, want.release)
		}
	}
}

// TestAcceptsASchemaThatIsNewerByOneMigration has the schema that a newer build
// has migrated, which the build before it must work with.
func TestAcceptsASchemaThatIsNewerByOneMigration(t *testing.T) {
	t.Parallel()

	address, newer := pgtest.URL(t), repo.LatestVersion()+1
	run(t, address, `alter table jobs add column added text;
		insert into coremachine_schema_version (version_id, is_applied)
		select max(version_id) + 1, true from coremachine_schema_version`)

	if err := repo.Migrate(t.Context(), address); err != nil {
		t.Errorf("Migrate rejects a newer schema: %v", err)
	}

	r, err := repo.Open(t.Context(), repo.Config{URL: address})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()

	if err := repo.CheckSchema(t.Context(), r.Pool()); err != nil {
		t.Errorf("a build is not ready on a newer schema: %v", err)
	}

	if have, err := repo.SchemaVersion(t.Context(), r.Pool()); err != nil || have != newer {
		t.Errorf("the schema is at %d, want %d; %v", have, newer, err)
	}
}

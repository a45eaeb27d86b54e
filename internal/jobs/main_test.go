package jobs

import (
	"testing"

	"coremachine/internal/test/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

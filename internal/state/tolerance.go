package state

import (
	"math"
	"strconv"
)

// toleranceSlack makes up for the two roundings of a tolerance times a number
// of tasks: 0.29 of 100 is 28.999999999999996 in binary. It is relative, four
// times what both roundings can lose.
const toleranceSlack = 1.0 / (1 << 50)

// Tolerated returns how many of a stage's tasks may fail without failing the
// job: the tolerance is a share from 0 to 1. The SQL function
// tolerated_failures computes the same number.
func Tolerated(tolerance float64, tasks int) int {
	share := tolerance * float64(max(0, tasks))

	return int(math.Floor(share + share*toleranceSlack))
}

// TolerancePercent formats a tolerance as people wrote it: 0.29 is "29 %".
func TolerancePercent(tolerance float64) string {
	const precision = 12 // digits that survive the multiplication by 100

	return strconv.FormatFloat(100*tolerance, 'g', precision, 64) + " %"
}

package track

import "math"

// assign solves the assignment problem: each row gets another column, or each column another row if there are fewer columns, so that the sum of costs is the
// lowest. columns has the column of each row, -1 for none. cost is rows x columns, and finite.
//
// It adds one row after the other by a shortest augmenting path (Jonker and Volgenant 1987, as in Crouse 2016 and SciPy): O(n^3).
func assign(cost [][]float64) (columns []int) {
	if len(cost) == 0 {
		return nil
	}
	n, m := len(cost), len(cost[0])
	if m < n {
		return inverse(assign(transposed(cost)), n)
	}
	p := problem{cost: cost, u: make([]float64, n), v: make([]float64, m), row: filled(m, -1), column: filled(n, -1)}
	for i := range n {
		p.augment(i)
	}
	return p.column
}

// problem is a partial assignment with the dual variables of rows and columns, u and v: u[i] + v[j] is at most cost[i][j], and equal for assigned pairs.
type problem struct {
	cost        [][]float64
	u, v        []float64
	row, column []int // of each column, of each row; -1 is none
}

// augment assigns the row from. The path to column j is the shortest of those known, and its last row before[j].
func (p *problem) augment(from int) {
	m := len(p.v)
	shortest, before, done := make([]float64, m), make([]int, m), make([]bool, m)
	for j := range shortest {
		shortest[j] = math.Inf(1)
	}
	length, end, row := 0.0, -1, from
	for {
		end = -1
		for j := range m {
			if done[j] {
				continue
			}
			if d := length + p.cost[row][j] - p.u[row] - p.v[j]; d < shortest[j] {
				shortest[j], before[j] = d, row
			}
			if end < 0 || shortest[j] < shortest[end] || shortest[j] == shortest[end] && p.row[j] < 0 {
				end = j
			}
		}
		length, done[end] = shortest[end], true
		if row = p.row[end]; row < 0 {
			break
		}
	}
	p.u[from] += length
	for j := range m {
		if done[j] && j != end {
			p.u[p.row[j]] += length - shortest[j]
			p.v[j] -= length - shortest[j]
		}
	}
	for j := end; j >= 0; { // the rows of the path move to their next column
		row := before[j]
		p.row[j] = row
		p.column[row], j = j, p.column[row]
	}
}

func filled(n, v int) []int {
	s := make([]int, n)
	for i := range s {
		s[i] = v
	}
	return s
}

func transposed(cost [][]float64) [][]float64 {
	t := make([][]float64, len(cost[0]))
	for j := range t {
		t[j] = make([]float64, len(cost))
		for i := range cost {
			t[j][i] = cost[i][j]
		}
	}
	return t
}

// inverse returns the column of each of n rows from the row of each column.
func inverse(rows []int, n int) []int {
	columns := filled(n, -1)
	for j, i := range rows {
		columns[i] = j
	}
	return columns
}

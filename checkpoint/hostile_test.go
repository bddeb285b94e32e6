package checkpoint

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"math/big"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// long4 is an integer of n bytes.
func long4(n int) []byte {
	return append(binary.LittleEndian.AppendUint32([]byte{0x8b}, uint32(n)), bytes.Repeat([]byte{0x7f}, n)...)
}

// laughs nests lists that hold the one below width times: depth of them.
func laughs(depth, width int) []byte {
	b := []byte("\x80\x02]q\x00")
	for i := range depth {
		b = append(b, ']', 'q', byte(i+1), '(')
		b = append(b, bytes.Repeat([]byte{'h', byte(i)}, width)...)
		b = append(b, 'e')
	}
	return append(b, '.')
}

// manyShapes makes tensors of one shape that it remembers: a tuple of n sides.
func manyShapes(n, times int) []byte {
	b := []byte("\x80\x02(" + strings.Repeat("K\x01", n) + "tq\x00ctorch._utils\n_rebuild_tensor_v2\nq\x01")
	for range times {
		b = append(b, "h\x01(NK\x00h\x00h\x00tR"...)
	}
	return append(b, '.')
}

// hostilePickles are programs that make an interpreter work without end, take all
// memory or recurse too deep.
func hostilePickles() map[string][]byte {
	nested := func(open, shut string, n int) []byte {
		return []byte(strings.Repeat(open, n) + strings.Repeat(shut, n) + ".")
	}
	return map[string][]byte{
		"laughs":             laughs(100, 200),
		"long integer":       append(long4(1<<20), '.'),
		"decimal integer":    []byte("L" + strings.Repeat("7", 1<<20) + "L\n."),
		"marks":              []byte(strings.Repeat("(", 1<<20) + "."),
		"dicts":              []byte(strings.Repeat("}", 1<<20) + "."),
		"lists":              []byte(strings.Repeat("]", 1<<20) + "."),
		"tuples":             []byte(strings.Repeat(")", 1<<20) + "."),
		"doubles":            []byte("]" + strings.Repeat("2", 1<<20) + "."),
		"nested lists":       nested("]", "a", 1<<18),
		"nested tuples":      append([]byte(")"), nested("", "\x85", 1<<19)...),
		"a list in itself":   []byte("\x80\x02]q\x00h\x00a."),
		"a dict in itself":   []byte("\x80\x02}q\x00X\x01\x00\x00\x00ah\x00s."),
		"memo":               []byte("N" + strings.Repeat("\x94", 1<<20) + "."),
		"shapes":             manyShapes(1<<16, 1<<16),
		"a huge string":      []byte("\x80\x04\x8d\x00\x00\x00\x00\x00\x01\x00\x00."),
		"a huge negative":    []byte("\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\xff."),
		"a long memo key":    []byte("Nr\xff\xff\xff\xff."),
		"a negative memo":    []byte("Np-7\ng-7\n."),
		"an integer of none": []byte("\x8a\x00."),
		"pairs of pairs":     []byte("\x80\x02]q\x00(" + strings.Repeat("K\x01K\x02\x86", 1<<12) + "e" + strings.Repeat("ccollections\nOrderedDict\nh\x00\x85R", 1<<12) + "."),
		"types of types":     []byte("ctorch._tensor\n_rebuild_from_type_v2\nq\x00(h\x00N(h\x00N)tttR."),
	}
}

func TestHostilePickles(t *testing.T) {
	for name, program := range hostilePickles() {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "hostile.pth")
			for _, file := range [][]byte{archived(t, program), append(legacyHead(), program...)} {
				require.NoError(t, os.WriteFile(path, file, 0o644))
				requireBounded(t, len(file), func() {
					_, _, err := LoadPTH(path)
					require.ErrorContains(t, err, path+": ")
					require.Less(t, len(err.Error()), 1000)
					require.NotContains(t, err.Error(), "\n")
				})
			}
		})
	}
}

// requireBounded makes sure that f takes at most ten times the size of a file, but
// for the room that small files have, and a few seconds of processor time.
func requireBounded(t *testing.T, size int, f func()) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	begin := processorTime(t)
	f()
	require.Less(t, processorTime(t)-begin, 10*time.Second)
	runtime.ReadMemStats(&after)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(max(10*size, 6*minRoom)))
}

// processorTime is that of the process so far. The time on the clock would be that of all processes of a busy machine.
func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var used syscall.Rusage
	require.NoError(t, syscall.Getrusage(syscall.RUSAGE_SELF, &used))
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// archived is a .pth of the zip format with a program and further records.
func archived(t *testing.T, program []byte, records ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	a := &archiveWriter{zip: zip.NewWriter(&b)}
	a.add("data.pkl", program)
	for i := 0; i < len(records); i += 2 {
		a.add(records[i], []byte(records[i+1]))
	}
	require.NoError(t, a.err)
	require.NoError(t, a.zip.Close())
	return b.Bytes()
}

// legacyHead is how a file of the format before 1.6 begins: the magic number, the
// version, the system.
func legacyHead() []byte {
	magic, _ := new(big.Int).SetString(legacyMagic, 10)
	le := magic.Bytes()
	for i, j := 0, len(le)-1; i < j; i, j = i+1, j-1 {
		le[i], le[j] = le[j], le[i]
	}
	return append(append([]byte{0x80, 2, 0x8a, byte(len(le))}, le...), "."+"\x80\x02M\xe9\x03."+"\x80\x02}."...)
}

// Views of one storage are copied, but not beyond all measure.
func TestManyViewsOfOneStorage(t *testing.T) {
	const elements = 1 << 20
	data := strings.Repeat("\x00", elements)
	program := func(views int) []byte {
		p := &pickler{}
		p.WriteString("}(")
		for i := range views {
			p.text(strings.Repeat("x", i+1))
			p.WriteString("ctorch._utils\n_rebuild_tensor_v2\n((")
			p.text("storage")
			p.WriteString("ctorch\nByteStorage\n")
			p.text("0")
			p.text("cpu")
			p.integer(elements)
			p.WriteString("tQ")
			p.integer(0)
			p.tuple([]int{elements})
			p.tuple([]int{1})
			p.WriteString("\x89NtR")
		}
		p.WriteString("u.")
		return p.Bytes()
	}
	file := archived(t, program(3), "data/0", data)
	f, _, err := readPTH(bytes.NewReader(file), int64(len(file)))
	require.NoError(t, err)
	require.Len(t, f.Tensors, 3)
	file = archived(t, program(200), "data/0", data)
	requireBounded(t, len(file), func() {
		_, _, err = readPTH(bytes.NewReader(file), int64(len(file)))
		require.ErrorContains(t, err, "far more memory than the size of the file")
	})
}

// A dict of many keys without a tensor is told in a line.
func TestMessagesOfBigFilesAreShort(t *testing.T) {
	p := &pickler{}
	p.WriteString("}(")
	for i := range 100_000 {
		p.text(strings.Repeat("k", 10))
		p.integer(i)
	}
	p.WriteString("u.")
	_, _, err := readPTH(bytes.NewReader(archived(t, p.Bytes())), int64(len(archived(t, p.Bytes()))))
	require.ErrorContains(t, err, "and 99992 more")
	require.Less(t, len(err.Error()), 1000)
	long := strings.Repeat("7", 1<<20)
	for _, header := range []string{
		`{"a":{"dtype":"F32","shape":[` + long + `],"data_offsets":[0,4]}}`,
		`{"a":{"dtype":"` + long + `","shape":[1],"data_offsets":[0,4]}}`,
		`{"a":{"dtype":` + long + `,"shape":[1],"data_offsets":[0,4]}}`,
		`{"` + long + `":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}`,
		`{"` + long + `":7}`,
		`{"a":{"` + long + `":7}}`,
		`{"a":` + long + `}`,
		`{"__metadata__":{"` + long + `":7}}`,
		`{"a":{"dtype":"F32","shape":[` + strings.Repeat("1,", 1<<18) + `2],"data_offsets":[0,4]}}`,
		`{"` + long + `":{},"` + long + `":{}}`,
	} {
		_, err := Decode(raw(header, 4), "big")
		require.Error(t, err)
		require.Less(t, len(err.Error()), 1000)
	}
}

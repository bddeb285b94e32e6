package checkpoint_test

import (
	"fmt"
	"os"
	"path/filepath"

	"scalenet/checkpoint"
)

// A tensor is written to a safetensors file and read on demand.
func Example() {
	dir, err := os.MkdirTemp("", "checkpoint")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "model.safetensors")
	weight := checkpoint.Float32Tensor("fc.weight", []int{2, 2}, []float32{1, 2, 3, 4})
	if err := checkpoint.Save(path, &checkpoint.File{Tensors: []checkpoint.Tensor{weight}}); err != nil {
		fmt.Println(err)
		return
	}
	r, err := checkpoint.Open(path)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer r.Close()
	t, err := r.Tensor("fc.weight")
	if err != nil {
		fmt.Println(err)
		return
	}
	values, err := t.Float32s()
	fmt.Println(t.Name, t.Shape, values, err)
	// Output:
	// fc.weight [2 2] [1 2 3 4] <nil>
}

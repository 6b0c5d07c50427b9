/* catsync_core.chunking._ckernel: hashing and matching of blocks. `kernel.py` says what the functions mean.
 *
 * Whole buffers go in and packed arrays come out, with the GIL released in between. One Matcher may not be used by two
 * threads at once; that is refused, not awaited.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#define XXH_INLINE_ALL
#define XXH_NO_STREAM
#include "xxhash.h"

#include "_scan.h"

typedef struct {
    PyObject_HEAD
    Matcher *matcher;
    int busy;
} MatcherObject;

/* ---- checks of arguments --------------------------------------------------------------------------------------- */

static int check_lengths(Py_ssize_t block_size, Py_ssize_t weak_bytes, Py_ssize_t strong_bytes)
{
    if (block_size < 1)
        PyErr_Format(PyExc_ValueError, "block_size is %zd, but must be at least 1", block_size);
    else if (weak_bytes < 2 || weak_bytes > 4)
        PyErr_Format(PyExc_ValueError, "weak_bytes is %zd, but must be 2 to 4", weak_bytes);
    else if (strong_bytes < 1 || strong_bytes > STRONG_MAX)
        PyErr_Format(PyExc_ValueError, "strong_bytes is %zd, but must be 1 to 16", strong_bytes);
    else
        return 0;
    return -1;
}

static int check_hashes(const Py_buffer *weak, Py_ssize_t weak_bytes, const Py_buffer *strong, Py_ssize_t strong_bytes,
                        Py_ssize_t block_size, Py_ssize_t tail)
{
    const Py_ssize_t blocks = weak->len / weak_bytes;
    if (weak->len % weak_bytes != 0 || strong->len % strong_bytes != 0 || strong->len / strong_bytes != blocks)
        PyErr_Format(PyExc_ValueError, "%zd bytes of weak and %zd of strong hashes do not belong to the same blocks",
                     weak->len, strong->len);
    else if ((uint64_t)blocks >= NONE)
        PyErr_Format(PyExc_ValueError, "%zd blocks are more than 2^32 - 2", blocks);
    else if (tail < 0 || tail >= block_size || (tail > 0 && blocks == 0))
        PyErr_Format(PyExc_ValueError, "tail is %zd, but must be shorter than a block and the last of the blocks", tail);
    else
        return 0;
    return -1;
}

/* ---- hashes ---------------------------------------------------------------------------------------------------- */

static PyObject *py_weak_hash(PyObject *module, PyObject *args)
{
    (void)module;
    Py_buffer data;
    if (!PyArg_ParseTuple(args, "y*:weak_hash", &data))
        return NULL;
    WeakPowers powers;
    uint32_t hash;
    Py_BEGIN_ALLOW_THREADS
    weak_prepare(&powers);
    hash = weak_hash(&powers, data.buf, (size_t)data.len);
    Py_END_ALLOW_THREADS
    PyBuffer_Release(&data);
    return PyLong_FromUnsignedLong(hash);
}

static PyObject *py_strong_hash(PyObject *module, PyObject *args)
{
    (void)module;
    Py_buffer data;
    if (!PyArg_ParseTuple(args, "y*:strong_hash", &data))
        return NULL;
    uint8_t digest[STRONG_MAX];
    Py_BEGIN_ALLOW_THREADS
    strong_hash(data.buf, (size_t)data.len, digest);
    Py_END_ALLOW_THREADS
    PyBuffer_Release(&data);
    return PyBytes_FromStringAndSize((const char *)digest, STRONG_MAX);
}

static void hash_blocks(const uint8_t *data, size_t length, size_t block_size, uint8_t *weak, unsigned weak_bytes,
                        uint8_t *strong, unsigned strong_bytes)
{
    WeakPowers powers;
    weak_prepare(&powers);
    while (length > 0) {
        const size_t size = length < block_size ? length : block_size;
        const uint32_t shortened = weak_hash(&powers, data, size) >> (32 - 8 * weak_bytes);
        for (unsigned i = 0; i < weak_bytes; i++)
            *weak++ = (uint8_t)(shortened >> (8 * i));
        uint8_t digest[STRONG_MAX];
        strong_hash(data, size, digest);
        memcpy(strong, digest, strong_bytes);
        strong += strong_bytes;
        data += size;
        length -= size;
    }
}

static PyObject *py_hash_blocks(PyObject *module, PyObject *args)
{
    (void)module;
    Py_buffer data;
    Py_ssize_t block_size, weak_bytes, strong_bytes;
    if (!PyArg_ParseTuple(args, "y*nnn:hash_blocks", &data, &block_size, &weak_bytes, &strong_bytes))
        return NULL;
    PyObject *weak = NULL, *strong = NULL, *result = NULL;
    if (check_lengths(block_size, weak_bytes, strong_bytes) == 0) {
        const Py_ssize_t blocks = data.len / block_size + (data.len % block_size != 0);
        if (blocks > PY_SSIZE_T_MAX / STRONG_MAX) {
            PyErr_NoMemory();
        } else {
            weak = PyBytes_FromStringAndSize(NULL, blocks * weak_bytes);
            strong = PyBytes_FromStringAndSize(NULL, blocks * strong_bytes);
        }
    }
    if (weak && strong) {
        uint8_t *weak_out = (uint8_t *)PyBytes_AsString(weak), *strong_out = (uint8_t *)PyBytes_AsString(strong);
        Py_BEGIN_ALLOW_THREADS
        hash_blocks(data.buf, (size_t)data.len, (size_t)block_size, weak_out, (unsigned)weak_bytes, strong_out,
                    (unsigned)strong_bytes);
        Py_END_ALLOW_THREADS
        result = PyTuple_Pack(2, weak, strong);
    }
    Py_XDECREF(weak);
    Py_XDECREF(strong);
    PyBuffer_Release(&data);
    return result;
}

/* ---- Matcher --------------------------------------------------------------------------------------------------- */

static Matcher *new_matcher(Py_ssize_t block_size, Py_ssize_t tail, const Py_buffer *weak, Py_ssize_t weak_bytes,
                            const Py_buffer *strong, Py_ssize_t strong_bytes)
{
    Matcher *matcher = malloc(sizeof *matcher);
    int failed = 1;
    if (matcher) {
        Py_BEGIN_ALLOW_THREADS
        failed = matcher_build(matcher, (size_t)block_size, (size_t)tail, (uint32_t)(weak->len / weak_bytes), weak->buf,
                               (unsigned)weak_bytes, strong->buf, (unsigned)strong_bytes);
        Py_END_ALLOW_THREADS
    }
    if (failed) {
        free(matcher);
        PyErr_NoMemory();
        return NULL;
    }
    return matcher;
}

static PyObject *Matcher_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"block_size", "tail", "weak", "strong", "weak_bytes", "strong_bytes", NULL};
    Py_ssize_t block_size, tail, weak_bytes, strong_bytes;
    Py_buffer weak, strong;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "$nny*y*nn:Matcher", names, &block_size, &tail, &weak, &strong,
                                     &weak_bytes, &strong_bytes))
        return NULL;
    MatcherObject *self = NULL;
    if (check_lengths(block_size, weak_bytes, strong_bytes) == 0 &&
        check_hashes(&weak, weak_bytes, &strong, strong_bytes, block_size, tail) == 0) {
        Matcher *matcher = new_matcher(block_size, tail, &weak, weak_bytes, &strong, strong_bytes);
        if (matcher) {
            allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
            self = (MatcherObject *)allocate(type, 0);
            if (self) {
                self->matcher = matcher;
            } else {
                matcher_free(matcher);
                free(matcher);
            }
        }
    }
    PyBuffer_Release(&weak);
    PyBuffer_Release(&strong);
    return (PyObject *)self;
}

static void Matcher_dealloc(PyObject *object)
{
    MatcherObject *self = (MatcherObject *)object;
    PyTypeObject *type = Py_TYPE(object);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    matcher_free(self->matcher);
    free(self->matcher);
    release(object);
    Py_DECREF(type);
}

/* The matcher for one call, or NULL when another thread is in the middle of one. Nothing that could run Python code may
 * stand between this and the end of the call, so arguments are parsed before. */
static Matcher *claim(PyObject *object)
{
    MatcherObject *self = (MatcherObject *)object;
    if (self->busy) {
        PyErr_SetString(PyExc_RuntimeError, "this matcher is in use by another thread");
        return NULL;
    }
    return self->matcher;
}

static PyObject *Matcher_begin(PyObject *object, PyObject *args)
{
    Py_ssize_t basis;
    if (!PyArg_ParseTuple(args, "n:begin", &basis))
        return NULL;
    if (basis < 0 || (uint64_t)basis >= NONE)
        return PyErr_Format(PyExc_ValueError, "basis is %zd, but must be 0 to 2^32 - 2", basis);
    Matcher *matcher = claim(object);
    if (!matcher)
        return NULL;
    matcher_begin(matcher, (uint32_t)basis);
    Py_RETURN_NONE;
}

typedef uint64_t (*Work)(Matcher *, const uint8_t *, size_t);

/* Lets a matcher work on the bytes that were given, with the GIL released. */
static PyObject *work_on(PyObject *object, PyObject *args, Work work)
{
    Py_buffer data;
    if (!PyArg_ParseTuple(args, "y*", &data))
        return NULL;
    Matcher *matcher = claim(object);
    uint64_t result = 0;
    if (matcher) {
        ((MatcherObject *)object)->busy = 1;
        Py_BEGIN_ALLOW_THREADS
        result = work(matcher, data.buf, (size_t)data.len);
        Py_END_ALLOW_THREADS
        ((MatcherObject *)object)->busy = 0;
    }
    PyBuffer_Release(&data);
    return matcher ? PyLong_FromUnsignedLongLong(result) : NULL;
}

static PyObject *Matcher_scan(PyObject *object, PyObject *args)
{
    return work_on(object, args, matcher_scan);
}

static PyObject *Matcher_roll_plainly(PyObject *object, PyObject *args)
{
    return work_on(object, args, roll_plainly);
}

static PyObject *Matcher_end(PyObject *object, PyObject *args)
{
    Py_buffer data;
    long long offset;
    if (!PyArg_ParseTuple(args, "y*L:end", &data, &offset))
        return NULL;
    Matcher *matcher = claim(object);
    const int valid = matcher && offset >= 0 && (size_t)data.len == matcher->tail;
    if (valid)
        matcher_end(matcher, data.buf, (uint64_t)offset);
    else if (matcher)
        PyErr_Format(PyExc_ValueError, "%zd bytes at offset %lld, where a tail of %zu bytes is expected", data.len,
                     offset, matcher->tail);
    PyBuffer_Release(&data);
    if (!valid)
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *Matcher_runs(PyObject *object, PyObject *unused)
{
    (void)unused;
    const Matcher *matcher = claim(object);
    if (!matcher)
        return NULL;
    const size_t count = matcher_runs(matcher, NULL);
    if (count > PY_SSIZE_T_MAX / sizeof(Run))
        return PyErr_NoMemory();
    PyObject *packed = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)(count * sizeof(Run)));
    if (packed)
        matcher_runs(matcher, (Run *)(void *)PyBytes_AsString(packed));
    return packed;
}

static PyObject *Matcher_get_wanted(PyObject *object, void *unused)
{
    (void)unused;
    const Matcher *matcher = claim(object);
    return matcher ? PyLong_FromUnsignedLong(matcher_wanted(matcher)) : NULL;
}

static PyObject *Matcher_get_idle(PyObject *object, void *unused)
{
    (void)unused;
    const Matcher *matcher = claim(object);
    return matcher ? PyBool_FromLong(matcher_idle(matcher)) : NULL;
}

static PyObject *Matcher_get_strong_hashes(PyObject *object, void *unused)
{
    (void)unused;
    const Matcher *matcher = claim(object);
    return matcher ? PyLong_FromUnsignedLongLong(matcher->strong_hashes) : NULL;
}

static PyMethodDef matcher_methods[] = {
    {"begin", Matcher_begin, METH_VARARGS, "begin(basis, /)\n--\n\nStart at the first byte of the basis of this number."},
    {"scan", Matcher_scan, METH_VARARGS,
     "scan(data, /)\n--\n\nSearch the next bytes of the basis; return how many of them are done with."},
    {"end", Matcher_end, METH_VARARGS, "end(data, offset, /)\n--\n\nLook for the tail in the last bytes of the basis."},
    {"runs", Matcher_runs, METH_NOARGS, "runs()\n--\n\nWhat was found, packed."},
    {"roll_plainly", Matcher_roll_plainly, METH_VARARGS,
     "roll_plainly(data, /)\n--\n\nFor benchmarks: look up every offset on the spot; return how many have a block's weak hash."},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef matcher_properties[] = {
    {"wanted", Matcher_get_wanted, NULL, "How many distinct blocks have not been found.", NULL},
    {"idle", Matcher_get_idle, NULL, "Whether the rest of the basis cannot hold anything that is wanted.", NULL},
    {"strong_hashes", Matcher_get_strong_hashes, NULL, "How many strong hashes were computed so far.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot matcher_slots[] = {
    {Py_tp_doc, "Matcher(*, block_size, tail, weak, strong, weak_bytes, strong_bytes)\n--\n\nSearches bases for blocks."},
    {Py_tp_new, (void *)Matcher_new},
    {Py_tp_dealloc, (void *)Matcher_dealloc},
    {Py_tp_methods, matcher_methods},
    {Py_tp_getset, matcher_properties},
    {0, NULL},
};

static PyType_Spec matcher_spec = {
    .name = "catsync_core.chunking._ckernel.Matcher",
    .basicsize = sizeof(MatcherObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = matcher_slots,
};

/* ---- module ---------------------------------------------------------------------------------------------------- */

static PyMethodDef module_methods[] = {
    {"weak_hash", py_weak_hash, METH_VARARGS, "weak_hash(data, /)\n--\n\nThe weak hash of a block, 32 bits."},
    {"strong_hash", py_strong_hash, METH_VARARGS, "strong_hash(data, /)\n--\n\nThe XXH3-128 digest of a block."},
    {"hash_blocks", py_hash_blocks, METH_VARARGS,
     "hash_blocks(data, block_size, weak_bytes, strong_bytes, /)\n--\n\nThe packed hashes of all blocks of the data."},
    {NULL, NULL, 0, NULL},
};

static int module_exec(PyObject *module)
{
    PyObject *type = PyType_FromModuleAndSpec(module, &matcher_spec, NULL);
    if (!type)
        return -1;
    const int result = PyModule_AddType(module, (PyTypeObject *)type);
    Py_DECREF(type);
    return result == 0 ? PyModule_AddStringConstant(module, "name", "c") : -1;
}

static PyModuleDef_Slot module_slots[] = {
    {Py_mod_exec, (void *)module_exec},
    {0, NULL},
};

static struct PyModuleDef module_definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "catsync_core.chunking._ckernel",
    .m_doc = "Hashing and matching of blocks in C.",
    .m_size = 0,
    .m_methods = module_methods,
    .m_slots = module_slots,
};

PyMODINIT_FUNC PyInit__ckernel(void)
{
    return PyModuleDef_Init(&module_definition);
}

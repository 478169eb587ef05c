"""Makes torch/: files as torch.save writes them, what is in them, and pickles that ask for code to be run.

    python make-torch.py

The attacks are Python's own pickles of objects with __reduce__, or are put together with pickle's opcodes where its
pickler would not write them. None is ever loaded here.
"""

import builtins
import io
import json
import os
import pickle
import shutil
import struct
import subprocess
import zipfile
from collections import OrderedDict
from pathlib import Path

import torch
from safetensors.torch import load_file

HERE = Path(__file__).parent
OUT = HERE / 'torch'
DTYPES = {torch.float32: 'F32', torch.float16: 'F16', torch.bfloat16: 'BF16', torch.float64: 'F64',
          torch.int64: 'I64', torch.bool: 'BOOL', torch.uint8: 'U8', torch.int8: 'I8', torch.int16: 'I16',
          torch.int32: 'I32'}


def described(tensors):
    def bits(tensor):
        flat = tensor.detach().contiguous().reshape(-1)
        return b'' if flat.numel() == 0 else flat.view(torch.uint8).numpy().tobytes()

    return {name: {'dtype': DTYPES[tensor.dtype], 'shape': list(tensor.shape), 'bytes': bits(tensor).hex()}
            for name, tensor in tensors.items()}


def values(*shape, dtype=torch.float32):
    return torch.arange(1, 1 + torch.Size(shape).numel(), dtype=torch.float32).reshape(shape).to(dtype)


def plain():
    module = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.LayerNorm(2))
    torch.nn.init.constant_(module[0].weight, 0.5)
    torch.nn.init.constant_(module[0].bias, -1)
    return module.state_dict()


def views():
    big = values(6, 8)
    tied = values(4, 3, dtype=torch.bfloat16)
    return OrderedDict([
        ('transposed', big.t()), ('columns', big[:, 2:5]), ('every.second', big[::2, 1::3]), ('rows', big[2:4]),
        ('permuted', values(2, 3, 4).permute(2, 0, 1)), ('embed.weight', tied), ('lm_head.weight', tied),
        ('half.transposed', values(3, 5, dtype=torch.float16).t()), ('scalar', torch.tensor(7.0)),
        ('empty', torch.zeros(0, 4)), ('column', values(5, 2)[:, 1]), ('one.row', values(4, 4)[1:2].t())])


def types():
    return {str(dtype).removeprefix('torch.'): values(2, 3, dtype=dtype) for dtype in DTYPES} | {
        'parameter': torch.nn.Parameter(values(2, 2))}


def save(name, tensors, **options):
    path = OUT / name / 'pytorch_model.bin'
    path.parent.mkdir(parents=True)
    torch.save(tensors, path, **options)
    expected = described(tensors)
    (path.parent / 'expected.json').write_text(json.dumps(expected, indent=0) + '\n')


def save_sharded(model):
    folder = OUT / model
    folder.mkdir(parents=True)
    tensors = load_file(HERE / 'models' / model / 'model.safetensors')
    shutil.copy(HERE / 'models' / model / 'config.json', folder)
    names = sorted(tensors)
    shards = [names[::2], names[1::2]]
    weight_map = {}
    for i, shard in enumerate(shards):
        file = f'pytorch_model-{i + 1:05}-of-{len(shards):05}.bin'
        torch.save(OrderedDict((name, tensors[name].clone()) for name in shard), folder / file)
        weight_map |= {name: file for name in shard}
    total = sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())
    index = {'metadata': {'total_size': total}, 'weight_map': weight_map}
    (folder / 'pytorch_model.bin.index.json').write_text(json.dumps(index, indent=1) + '\n')


class Calls:
    def __init__(self, function, *args):
        self.call = function, args

    def __reduce__(self):
        return self.call


class Instance:
    pass


MARKER = '/tmp/llm-pruner-attack-marker'
TOUCH = f'touch {MARKER}'


def text(value):
    return b'X' + struct.pack('<I', len(value)) + value.encode()


def attacks():
    """Name -> pickle, and what must be refused by name."""
    dump = lambda value, protocol=2: pickle.dumps(value, protocol)
    yield 'os-system', dump({'w': Calls(os.system, TOUCH)}), 'posix.system'
    yield 'os-system-protocol-4', dump({'w': Calls(os.system, TOUCH)}, 4), 'posix.system'
    yield 'builtins-eval', dump(Calls(eval, f'__import__("os").system("{TOUCH}")')), '__builtin__.eval'
    yield 'builtins-exec-protocol-4', dump([Calls(exec, 'import os')], 4), 'builtins.exec'
    yield 'subprocess', dump(OrderedDict(w=Calls(subprocess.Popen, ['touch', MARKER]))), 'commands.Popen'  # as Python 2 had it
    yield 'getattr', dump(Calls(getattr, Calls(__import__, 'os'), 'system')), '__builtin__.getattr'
    yield 'nested-reduce', dump(Calls(OrderedDict, [('w', Calls(os.system, TOUCH))])), 'posix.system'
    yield 'instance', dump({'w': Instance()}), '__main__.Instance'
    yield 'instance-protocol-4', dump({'w': Instance()}, 4), '__main__.Instance'
    yield 'open-file', dump(Calls(io.open, MARKER, 'w')), 'io.open'
    yield 'torch-load', dump(Calls(torch.load, 'other.bin')), 'torch.serialization.load'
    yield 'text-protocol', dump(Calls(os.system, TOUCH), 0), 'posix.system'
    # What pickle's own pickler would not write.
    yield 'inst', b'(' + text(TOUCH) + b'iposix\nsystem\n.', 'posix.system'
    yield 'stack-global', b'\x80\x04' + text('posix') + text('system') + b'\x93' + text(TOUCH) + b'\x85R.', 'posix.system'
    yield 'dotted-name', b'\x80\x04' + text('torch') + text('_utils.os.system') + b'\x93.', 'torch._utils.os.system'
    yield 'beside-an-allowed-name', b'\x80\x02ctorch._utils\n_rebuild_tensor_v2.__globals__\n.', \
        'torch._utils._rebuild_tensor_v2.__globals__'
    yield 'storage-type', b'\x80\x02' + text('storage') + b'cbuiltins\neval\n' + text('0') + text('cpu') + b'K\x01t.', \
        'builtins.eval'


def archive(data):
    """As torch.save lays a file out."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, 'w', zipfile.ZIP_STORED) as file:
        for name, part in (('data.pkl', data), ('byteorder', b'little'), ('version', b'3\n')):
            file.writestr(zipfile.ZipInfo(f'archive/{name}', (1980, 1, 1, 0, 0, 0)), part)
    return content.getvalue()


def save_attacks():
    folder = OUT / 'attacks'
    folder.mkdir(parents=True)
    refused = {}
    for name, data, what in attacks():
        (folder / f'{name}.bin').write_bytes(archive(data))
        refused[name] = what
    (folder / 'refused.json').write_text(json.dumps({'marker': MARKER, 'refused': refused}, indent=1) + '\n')


shutil.rmtree(OUT, ignore_errors=True)
torch.manual_seed(0)
save('state-dict', plain())
save('views', views())
save('types', types(), pickle_protocol=4)
save('types-protocol-2', types())
save('legacy', plain(), _use_new_zipfile_serialization=False)
save_sharded('half-f16')
save_attacks()

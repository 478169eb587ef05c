"""Makes generation.json: greedy tokens, filtered logits and rendered chats, as transformers has them. Needs models/.

    python make-generation.py    # torch 2.13.0, transformers 5.23.0
"""

import json
from pathlib import Path

import torch
import transformers
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.generation.logits_process import (
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

HERE = Path(__file__).parent
torch.set_num_threads(1)
NEW_TOKENS = 80


def greedy(name):
    model = AutoModelForCausalLM.from_pretrained(HERE / 'models' / name, dtype=torch.float32).eval()
    model.generation_config.eos_token_id = None
    generator = torch.Generator().manual_seed(5)
    prompt = torch.randint(0, 97, (1, 7), generator=generator)
    ids = model.generate(
        prompt, do_sample=False, max_new_tokens=NEW_TOKENS, use_cache=True, pad_token_id=0
    )[0].tolist()
    # How clear each choice was: between two tokens alike, rounding decides.
    with torch.no_grad():
        logits = model(torch.tensor([ids])).logits[0, 6:-1]
    best = logits.topk(2).values
    gap = (best[:, 0] - best[:, 1]).min().item()
    assert gap > 1e-3, (name, gap)
    return {'model': name, 'prompt': ids[:7], 'tokens': ids[7:], 'smallestGap': round(gap, 6)}


def filtered(seed, scale, ids, penalty, temperature, top_k, top_p):
    generator = torch.Generator().manual_seed(seed)
    logits = (torch.randn(1, 61, generator=generator) * scale).round(decimals=4)
    scores = logits.clone()
    if penalty != 1:
        scores = RepetitionPenaltyLogitsProcessor(penalty)(torch.tensor([ids]), scores)
    if temperature != 1:
        scores = TemperatureLogitsWarper(temperature)(None, scores)
    if top_k > 0:
        scores = TopKLogitsWarper(top_k)(None, scores)
    if top_p < 1:
        scores = TopPLogitsWarper(top_p)(None, scores)
    return {
        'logits': [float(f'{x:.9g}') for x in logits[0].tolist()],
        'before': ids,
        'repetitionPenalty': penalty,
        'temperature': temperature,
        'topK': top_k,
        'topP': top_p,
        # null: filtered out
        'expected': [None if x == float('-inf') else float(f'{x:.9g}') for x in scores[0].tolist()],
    }


CHATML = (
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system\n"
    "You are a helpful assistant<|im_end|>\n' }}{% endif %}{{'<|im_start|>' + message['role'] + '\n' + "
    "message['content'] + '<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}"
    "{{ '<|im_start|>assistant\n' }}{% endif %}"
)
HEADERS = (
    "{% set loop_messages = messages %}{% for message in loop_messages %}{% set content = '<|header|>' + "
    "message['role'] + '<|end_header|>\n\n'+ message['content'] | trim + '<|eot|>' %}{% if loop.index0 == 0 %}"
    "{% set content = bos_token + content %}{% endif %}{{ content }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|header|>assistant<|end_header|>\n\n' }}{% endif %}"
)
INSTRUCTIONS = """{%- if messages[0]['role'] == 'system' -%}
    {%- set system_message = messages[0]['content'] -%}
    {%- set messages = messages[1:] -%}
{%- else -%}
    {%- set system_message = '' -%}
{%- endif -%}
{{ bos_token }}
{%- for message in messages -%}
    {%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) -%}
        {{ raise_exception('Roles must alternate') }}
    {%- endif -%}
    {%- if message['role'] == 'user' %}
        {{ '[INST] ' + (system_message + '\n\n' if loop.index0 == 0 and system_message else '') + message['content'] + ' [/INST]' }}
    {%- else %}
        {{ ' ' + message['content'] + eos_token }}
    {%- endif %}
{%- endfor %}
"""
CHATS = [
    [{'role': 'user', 'content': 'Hello'}],
    [{'role': 'system', 'content': 'Be brief.'}, {'role': 'user', 'content': ' "Quoted" {{ braces }} & <tags>\n中文 '}],
    [
        {'role': 'user', 'content': 'One'},
        {'role': 'assistant', 'content': 'Two'},
        {'role': 'user', 'content': 'Three'},
    ],
]


def rendered():
    tokenizer = AutoTokenizer.from_pretrained(HERE / '../engine/tokenizer/golden/llama-2')
    cases = []
    for template in (CHATML, HEADERS, INSTRUCTIONS):
        tokenizer.chat_template = template
        texts = [tokenizer.apply_chat_template(c, tokenize=False, add_generation_prompt=True) for c in CHATS]
        cases.append({'template': template, 'rendered': texts})
    return {
        'tokens': {'bos_token': tokenizer.bos_token, 'eos_token': tokenizer.eos_token},
        'chats': CHATS,
        'cases': cases,
    }


golden = {
    'versions': {'torch': torch.__version__, 'transformers': transformers.__version__},
    'greedy': [greedy(name) for name in ('gqa', 'tied', 'llama3', 'sharded-bf16')],
    'filters': [
        filtered(1, 3, [], 1, 0.7, 0, 1),
        filtered(2, 3, [], 1, 1, 7, 1),
        filtered(3, 3, [], 1, 1, 0, 0.9),
        filtered(4, 1, [], 1, 1, 0, 0.5),
        filtered(5, 9, [], 1, 1, 0, 0.05),
        filtered(6, 3, [3, 8, 8, 60, 0], 1.3, 1, 0, 1),
        filtered(7, 3, [3, 8, 8, 60, 0, 12, 13], 1.7, 0.6, 20, 0.8),
        filtered(8, 3, [5], 0.8, 1.5, 500, 0.99),
    ],
    'chats': rendered(),
}
(HERE / 'generation.json').write_text(json.dumps(golden, ensure_ascii=False, indent=1) + '\n')

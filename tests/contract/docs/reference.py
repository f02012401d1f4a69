"""Sends every request example of the specification, as it stands, each to a demo of its own."""

import base64
import hmac
import json
import re
import time

import httpx

METHODS = ("post", "put", "patch", "delete")
# Ids that begin so stand in examples for the ids of the reader's own records.
PLACEHOLDER = "019aa000-0000-7000-8000-"
# What no example can hold, because every demo makes its own.
SECRETS = {
    "create_token": lambda demo, client: {key: demo.people["administrator"][key] for key in ("email", "password")},
    "refresh_token": lambda demo, client: {"refresh_token": demo.sign_in("administrator")["refresh_token"]},
    "change_my_password": lambda demo, client: {"current_password": demo.people["administrator"]["password"]},
    "begin_totp": lambda demo, client: proof(demo),
    "confirm_totp": lambda demo, client: {"code": begun(demo, client)},
    "disable_totp": lambda demo, client: enrolled(demo, client),
    "create_recovery_codes": lambda demo, client: enrolled(demo, client),
    "move_deal": lambda demo, client: {"stage_id": legal_move(client)},
    "create_hand_over": lambda demo, client: {"from_user_id": people(client)[0], "to": [{"user_id": people(client)[1]}]},
    "hand_over_task": lambda demo, client: {"owner_id": next(one for one in people(client) if one != owner(client))},
    "update_webhook": lambda demo, client: {"active": False},
    "submit_positions": lambda demo, client: consented(client),
    "check_out_of_meeting": lambda demo, client: arrived(client),
    "confirm_password_reset": lambda demo, client: {"token": reset_token(client)},
}


def people(client):
    """Ids of the managers of the demo."""
    return [user["id"] for user in client.get("/v1/users").raise_for_status().json()["data"] if user["role"] == "manager"]


def owner(client):
    """Who is responsible for the first task of the demo."""
    return client.get("/v1/tasks").raise_for_status().json()["data"][0]["owner_id"]


def legal_move(client):
    """A stage the first deal of the demo may go to."""
    moves = client.get(f"/v1/deals/{first(client, '/v1/deals')}/moves").raise_for_status().json()["data"]
    return next(move["stage_id"] for move in moves if move["kind"] == "open" and not move["missing_fields"])


def arrived(client):
    """The meetings of the demo have begun, whichever of them is the first now."""
    body = {"coordinates": {"latitude": 55.7558, "longitude": 37.6173}}
    for meeting in client.get("/v1/communications?status=planned").raise_for_status().json()["data"]:
        client.post(f"/v1/communications/{meeting['id']}/check-in", json=body).raise_for_status()
    return {}


def consented(client):
    """A position of now, whose keeping was consented to."""
    client.put("/v1/me/position-consent", json={"given": True}).raise_for_status()
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return {"positions": [{"at": now, "latitude": 55.7558, "longitude": 37.6173, "accuracy_m": 12.5}]}


def reset_token(client):
    link = client.post(f"/v1/users/{first(client, '/v1/users')}/password-link").raise_for_status().json()
    return link["token"]


def proof(demo):
    return {"current_password": demo.people["administrator"]["password"]}


def begun(demo, client):
    """A second factor begun, and the six digits its device shows now (RFC 6238)."""
    secret = client.post("/v1/me/totp", json=proof(demo)).raise_for_status().json()["secret"]
    digest = hmac.digest(base64.b32decode(secret + "=" * (-len(secret) % 8)), int(time.time() // 30).to_bytes(8, "big"), "sha1")
    at = digest[-1] & 15
    return f"{(int.from_bytes(digest[at : at + 4], 'big') & 0x7FFFFFFF) % 1_000_000:06}"


def enrolled(demo, client):
    client.post("/v1/me/totp/confirm", json={"code": begun(demo, client)}).raise_for_status()
    return proof(demo)


def first(client, collection):
    """Id of the first record of a list."""
    return client.get(collection).raise_for_status().json()["data"][0]["id"]


def filled(body, client):
    """The body with placeholders replaced: `reject_reason_id` by the first of /v1/reject-reasons, and so on."""
    named = {"actor_id": "user_id"}
    return {
        name: first(client, f"/v1/{named.get(name, name).removesuffix('_id').replace('_', '-')}s") if str(value).startswith(PLACEHOLDER) else value
        for name, value in body.items()
    }


def examples(specification):
    for path, methods in specification["paths"].items():
        for method in METHODS:
            operation = methods.get(method)
            for media_type, content in ((operation or {}).get("requestBody", {}).get("content", {})).items():
                named = {"": {"value": content["example"]}} if "example" in content else content.get("examples", {})
                for name, example in named.items():
                    yield method, path, operation, media_type, name, example["value"]


def encoded(body, media_type):
    if media_type == "application/x-www-form-urlencoded":
        return {"data": body}
    if media_type == "multipart/form-data":
        return {"files": {name: (None, value) for name, value in body.items()}}
    return {"content": json.dumps(body), "headers": {"content-type": media_type}}


def address(path, operation, demo, client):
    """The path with the ids of the demo's own records in it."""
    path = path.replace("{form_key}", demo.form_key)
    for parameter in operation.get("parameters", []):
        if parameter["in"] == "path" and parameter["name"] not in ("id", "form_key"):
            path = path.replace(f"{{{parameter['name']}}}", str(parameter.get("example", "erp-1")))
    if "{id}" in path:
        path = path.replace("{id}", first(client, path.split("/{id}")[0]))
    return path


def run(server, report):
    specification = httpx.get(f"{server.url}/openapi.json").json()
    for method, path, operation, media_type, name, body in examples(specification):
        demo = server.demo()
        with demo.client() as client:
            known = SECRETS.get(operation["operationId"], lambda *_: {})(demo, client)
            body = filled({name: value for name, value in body.items() if name not in known}, client) | known
            answer = client.request(method, address(path, operation, demo, client), **encoded(body, media_type))
        title = f"{operation['operationId']} {media_type} {name}".strip()
        expected = re.compile("|".join(code for code in operation["responses"] if code[0] in "23"))
        report(
            title,
            expected.fullmatch(str(answer.status_code)),
            f"{answer.status_code} {answer.text[:400]}\n  sent {json.dumps(body, ensure_ascii=False)}",
        )

//! Record bodies keep the bytes of records: those that a server and wrappers wrote before bodies had types read, and
//! are sealed to the same bytes again.

use engine::decision::ReasonCode;
use engine::json::JsonErrorCode;
use engine::principal::Principal;
use engine::record::{
    AccessBody, Draft, Head, PolicyBody, RanOut, Record, RecordBody, RecordKind, Sealed, seal_json,
};

/// One record of every shape that a server writes, in the order of its stream.
const OF_A_SERVER: &str = include_str!("records.jsonl");

/// The members in addition to those of every record, for each shape that only a wrapper or an earlier version writes.
const OF_OTHERS: [(&str, &str); 12] = [
    (
        "policy",
        r#""agent_id":"a","engine_hash":"H","files":[{"hash":"H","name":"p.yaml"}],"host":"node","policy_hash":"H","runtime_version":"0.1.0""#,
    ),
    (
        "decision",
        r#""action":{"n":1e20},"decision":{"outcome":"HALT"},"duration_us":7,"engine_hash":"H","policy_version":null,"principal":"a","state":{}"#,
    ),
    (
        "decision",
        r#""action":null,"contradicts":{"record_hash":"H","seq":3,"stream":"local-1"},"decision":{},"duration_us":0,"engine_hash":"H","policy_version":"2","principal":"system","state":{}"#,
    ),
    ("expiry", r#""approval":null,"principal":"a","request_hash":"H""#),
    ("start", r#""principal":"a","request_hash":null"#),
    ("start", r#""request_hash":"H""#),
    (
        "result",
        r#""error":"boom","principal":"a","request_hash":"H","result":null,"result_hash":null,"status":"failed","success":false"#,
    ),
    (
        "result",
        r#""error":null,"principal":"system","request_hash":"H","result":null,"result_hash":null,"status":"timeout","success":null"#,
    ),
    (
        "approval",
        r#""approval":{"approve":true,"claimed_by":null,"key_id":"k","principal":"ann","reason":"fine","roles":["finance"],"via":"link"},"key_id":"k","principal":"ann","request_hash":"H","via":"link""#,
    ),
    (
        "access",
        r#""event":"stream_begun","key_id":"k","local_stream":"local-1","principal":"bot","via":"key""#,
    ),
    ("withdrawal", r#""principal":"alice","reason":"no need","request_hash":"H""#),
    ("checkpoint", ""),
];

fn sealed(kind: &str, members: &str) -> String {
    let (zeros, comma) = ("0".repeat(64), if members.is_empty() { "" } else { "," });
    let record = format!(
        r#"{{{members}{comma}"action_id":null,"at":"2026-11-22T15:00:00.000Z","kind":"{kind}","prev_hash":"{zeros}","seq":0,"stream":"s"}}"#
    );
    let record = record.replace(r#""H""#, &format!(r#""{}""#, "a1".repeat(32)));
    seal_json(record.as_bytes()).unwrap().0.into_string()
}

fn sealed_again(record: &Record) -> Sealed {
    let mut head = Head { stream: record.stream.clone(), size: record.seq, record_hash: record.prev_hash };
    let draft = Draft { at: record.at, action_id: record.action_id.clone(), body: record.body.clone() };
    draft.seal(&mut head)
}

#[test]
fn what_was_recorded_before_is_sealed_to_the_same_bytes() {
    let others: Vec<String> = OF_OTHERS.iter().map(|(kind, members)| sealed(kind, members)).collect();
    let mut kinds = Vec::new();
    for line in OF_A_SERVER.lines().chain(others.iter().map(String::as_str)) {
        let record = Record::parse(line.as_bytes()).unwrap_or_else(|error| panic!("{error}: {line}"));
        let again = sealed_again(&record);
        assert_eq!(again.body.as_str(), line);
        assert_eq!(again.record_hash, record.record_hash);
        kinds.push(record.body.kind());
    }
    for kind in RecordKind::ALL {
        assert!(kinds.contains(&kind), "{kind}");
    }
}

#[test]
fn a_body_says_who_and_what() {
    let bodies: Vec<RecordBody> =
        OF_A_SERVER.lines().map(|line| Record::parse(line.as_bytes()).unwrap().body).collect();
    let refused = bodies.iter().find_map(|body| match body {
        RecordBody::Policy(PolicyBody::Activation(body)) if !body.in_force => Some(body),
        _ => None,
    });
    assert!(refused.unwrap().diagnostics.as_str().contains(r#""severity":"error""#));
    let late = bodies.iter().find_map(|body| match body {
        RecordBody::Approval(body) if body.late == Some(true) => Some(body),
        _ => None,
    });
    let late = late.unwrap();
    assert!(!late.approval.approve && late.ruling.is_none());
    assert_eq!(Some(&late.approval.principal), late.principal.as_ref());
    assert!(matches!(&late.approval.principal, Principal::Key { name, .. } if name == "bob"));
    let lapsed = bodies.iter().find_map(|body| match body {
        RecordBody::Expiry(body) => match body.what {
            RanOut::Permission { reason_code } => Some(reason_code),
            RanOut::Approval { .. } => None,
        },
        _ => None,
    });
    assert_eq!(lapsed, Some(ReasonCode::PermitExpired));
    let failed = bodies.iter().find_map(|body| match body {
        RecordBody::Access(AccessBody::LoginFailed(body)) => Some(body.source.as_str()),
        _ => None,
    });
    assert_eq!(failed, Some("127.0.0.1"));
}

/// A wrapper leaves out the members of a person that it does not know.
#[test]
fn a_record_of_a_wrapper_or_of_an_earlier_version_reads_without_the_members_of_later_ones() {
    let body = |kind, members| Record::parse(sealed(kind, members).as_bytes()).unwrap().body;
    let members =
        r#""approval":{"approve":false,"principal":"ann","reason":null,"roles":[]},"principal":"ann""#;
    let RecordBody::Approval(approval) = body("approval", members) else { panic!() };
    assert_eq!(approval.approval.principal, Principal::Former { name: "ann".into() });
    assert_eq!((approval.request_hash, approval.late, approval.ruling), (None, None, None));
    let members = r#""event":"key_created","key":{"agents":[],"approver_roles":[],"expires_at":null,"id":"k","name":"ops","role":"admin"},"principal":"system""#;
    let RecordBody::Access(AccessBody::KeyCreated(created)) = body("access", members) else { panic!() };
    assert_eq!((created.key.secret_commitment, created.principal), (None, Principal::System));
    let members = r#""principal":"a","success":true,"of_a_later_version":[1]"#;
    assert!(matches!(body("result", members), RecordBody::Result(body) if body.success == Some(true)));
}

#[test]
fn a_member_of_another_shape_is_refused_by_name() {
    for (kind, members, expected) in [
        ("withdrawal", "", "it has no `principal`"),
        ("start", r#""principal":7"#, "its `principal` is not a string"),
        ("start", r#""principal":"a","request_hash":"h""#, "its `request_hash` is not a SHA-256"),
        ("start", r#""principal":"a","via":"rumour""#, "its `via` is not `key`, `link` or `claimed`"),
        ("result", r#""principal":"a","success":"yes""#, "its `success` is not true or false"),
        ("result", r#""principal":"a","status":"gone""#, "its `status` is not a status"),
        ("approval", r#""principal":"a""#, "it has no `approval`"),
        (
            "approval",
            r#""approval":{"approve":1},"principal":"a""#,
            "its `approval` is not an answer of a person",
        ),
        ("policy", r#""principal":"a""#, "it has no `files`"),
        ("access", r#""event":"renamed","principal":"a""#, "its `event` is unknown"),
        (
            "decision",
            r#""decision":{},"duration_us":1.5,"principal":"a""#,
            "its `duration_us` is not a whole number",
        ),
        (
            "decision",
            r#""decision":{},"duration_us":1,"engine_hash":"H","start_by":"soon","state":{},"principal":"a""#,
            "its `start_by` is not an RFC 3339 time in UTC with milliseconds",
        ),
    ] {
        let error = Record::parse(sealed(kind, members).as_bytes()).unwrap_err();
        assert_eq!((error.code, error.message.as_str()), (JsonErrorCode::Shape, expected), "{members}");
    }
}

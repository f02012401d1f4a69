//! Departments over HTTP.

use kartoteka_domain::{
    department::{self, Department, ListDepartments, NewDepartment},
    invalid::FieldCode,
};
use kartoteka_persistence::{WriteTx, department as store};
use uuid::Uuid;

use crate::{
    answer::Found,
    crud,
    problem::{Problem, Result},
    record,
    request::{IfMatch, Patch},
};

crud! { Department, NewDepartment, ListDepartments; "departments", "/v1/departments", "/v1/departments/{id}", "/v1/departments/{id}/restore";
    list list_departments "List departments", get get_department "Get a department", read ReadDepartments;
    create create_department "Create a department", right CreateDepartments, by crud::create;
    update update_department "Change a department", right UpdateDepartments, by update;
    archive archive_department "Archive a department", by record::archive::<Department>;
    restore restore_department "Restore a department", by record::restore::<Department>;
}

fn update(tx: &mut WriteTx<'_>, id: Uuid, patch: &Patch<NewDepartment>, if_match: &IfMatch) -> Result<Found<Department>> {
    record::change(tx, id, patch, if_match, |tx, before: &Department, after: &mut Department| {
        if let Some(parent) = after.parent_id.filter(|p| before.parent_id != Some(*p))
            && department::subtree(before.id, &store::tree(tx)?).contains(&parent)
        {
            return Err(Problem::invalid("/parent_id", FieldCode::Cycle));
        }
        Ok(())
    })
}

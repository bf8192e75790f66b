export { labelForms, labelFormSchema, type LabelForm, type LabelFormInput } from "./label-form.ts";
export { labelModelOf } from "./label-model.ts";
export { relabel, type RelabelOptions } from "./relabel.ts";
export {
  meanTeacher,
  networkTeacher,
  teacherFor,
  type NetworkTeacherOptions,
  type Teacher,
} from "./teacher.ts";
